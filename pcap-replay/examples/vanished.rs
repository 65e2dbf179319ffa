//! Prints the page "My frame vanished"; `cargo xtask vanished` keeps it in `docs/vanished.md`.

fn main() {
    print!("{}", xdpsim::output::vanished::page());
}
