//! `xdpsim explain` on a frame that is lost: step, errno and rule on one line, for every way to lose one
//! that people ask about. The scenarios are in `tests/explain`.

use crate::cli;
use cli::Folder;

/// Explains frame `frame` of a capture of frames of these lengths, all in one poll. The line that says how
/// it ended must be `end`.
fn explain(scenario: &str, lens: &[usize], frame: u64, end: &str) -> String {
    let folder = Folder::new();
    let path = format!("{}/tests/explain/{scenario}.toml", env!("CARGO_MANIFEST_DIR"));
    folder.write("scenario.toml", std::fs::read(path).expect("a scenario of the tests"));
    folder.capture("in.pcap", lens, 0);
    let said = folder.run(&format!("explain scenario.toml in.pcap --frame {frame}")).fine();
    let told = said.lines().any(|line| line.trim_start_matches([' ', '│']) == end);
    assert!(told, "expected the line\n{end}\nin\n{said}");
    said
}

/// Rule: HLP-03.a, HLP-05.c
#[test]
fn flags_that_the_map_does_not_know() {
    let end = "lost at helper: no errno by HLP-03 bpf_redirect_map: order of checks";
    insta::assert_snapshot!(explain("hlp-03", &[60], 1, end));
}

/// Rule: HLP-12.c
#[test]
fn a_failed_lookup_that_was_ignored() {
    let end = "lost at enqueue: EINVAL (22) by HLP-12 A failed lookup arms the ifindex `tgt_index`";
    insta::assert_snapshot!(explain("hlp-12", &[60], 1, end));
}

/// Rule: HLP-12.a
#[test]
fn a_failed_lookup_after_a_helper_call_that_named_another_port() {
    let end =
        "lost at enqueue to eth1: ENETDOWN (100) by HLP-12 A failed lookup arms the ifindex `tgt_index`";
    insta::assert_snapshot!(explain("hlp-12", &[60, 60], 2, end));
}

/// Rule: HLP-14.a
#[test]
fn a_redirect_without_a_helper_call() {
    let end = "lost at enqueue: EBADRQC (56) by HLP-14 REDIRECT without a helper call";
    insta::assert_snapshot!(explain("hlp-14", &[60], 1, end));
}

/// Rule: HLP-15.b
#[test]
fn a_number_that_is_no_verdict() {
    let end = "lost at verdict: no errno by HLP-15 Unknown verdicts";
    insta::assert_snapshot!(explain("hlp-15", &[60], 1, end));
}

/// Rule: HLP-18.a, HLP-18.b
#[test]
fn a_loop_of_redirects() {
    let end = "lost at receive: no errno by HLP-18 No loop protection";
    insta::assert_snapshot!(explain("hlp-18", &[60], 1, end));
}

/// Rule: RED-03.b
#[test]
fn an_ifindex_of_another_namespace() {
    let end = "lost at enqueue: EINVAL (22) by RED-03 Target by ifindex";
    insta::assert_snapshot!(explain("red-03", &[60], 1, end));
}

/// Rule: RED-04.a, DRV-02.a
#[test]
fn a_port_that_is_no_target() {
    let end = "lost at enqueue to box: EOPNOTSUPP (95) by RED-04 Unicast checks on the target device";
    insta::assert_snapshot!(explain("red-04", &[60, 60, 119], 1, end));
}

/// Rule: RED-04.c
#[test]
fn a_port_that_is_down() {
    let end = "lost at enqueue to down: ENETDOWN (100) by RED-04 Unicast checks on the target device";
    insta::assert_snapshot!(explain("red-04", &[60, 60, 119], 2, end));
}

/// Rule: RED-04.d
#[test]
fn a_port_with_a_small_mtu() {
    let end = "lost at enqueue to small: EMSGSIZE (90) by RED-04 Unicast checks on the target device";
    insta::assert_snapshot!(explain("red-04", &[60, 60, 119], 3, end));
}

/// Rule: BRD-06.a, BRD-05.c
#[test]
fn a_broadcast_to_nobody() {
    let end = "lost at enqueue: no errno by BRD-06 Empty result";
    insta::assert_snapshot!(explain("brd-06", &[60], 1, end));
}

/// Rule: BRD-08.d
#[test]
fn more_than_eight_upper_devices() {
    let end = "lost at enqueue: EOVERFLOW (75) by BRD-08 What EXCLUDE_INGRESS excludes";
    insta::assert_snapshot!(explain("brd-08", &[60], 1, end));
}

/// Rule: DVP-02.c
#[test]
fn a_devmap_program_that_drops() {
    let end = "lost at flush to eth1: no errno by DVP-02 Verdicts";
    insta::assert_snapshot!(explain("dvp-02", &[60; 3], 1, end));
}

/// Rule: DVP-02.d
#[test]
fn a_devmap_program_that_aborts() {
    let end = "lost at flush to eth1: no errno by DVP-02 Verdicts";
    insta::assert_snapshot!(explain("dvp-02", &[60; 3], 2, end));
}

/// Rule: DVP-02.e
#[test]
fn a_devmap_program_that_wants_to_send_elsewhere() {
    let end = "lost at flush to eth1: no errno by DVP-02 Verdicts";
    insta::assert_snapshot!(explain("dvp-02", &[60; 3], 3, end));
}

/// Rule: DRV-03.c, DRV-01.c
#[test]
fn a_far_end_that_is_down() {
    let end = "lost at flush to box0: ENXIO (6) by DRV-03 veth: transmit";
    insta::assert_snapshot!(explain("drv-03", &[60, 119], 1, end));
}

/// Rule: DRV-03.f, DRV-05.a
#[test]
fn a_far_end_with_a_smaller_mtu() {
    let end = "lost at flush to box1: no errno by DRV-03 veth: transmit";
    insta::assert_snapshot!(explain("drv-03", &[60, 119], 2, end));
}

/// Rule: DRV-04.a
#[test]
fn a_frame_behind_one_that_was_too_long() {
    let end = "lost at flush to box0: no errno by DRV-04 veth: one bad frame kills the tail";
    insta::assert_snapshot!(explain("drv-04", &[60, 119, 60], 3, end));
}

/// Rule: DRV-06.a
#[test]
fn a_ring_that_is_full() {
    let end = "lost at flush to box0: no errno by DRV-06 veth: ring capacity is 241 to 256";
    insta::assert_snapshot!(explain("drv-06", &[60; 64], 52, end));
}

/// Rule: FLU-06.b
#[test]
fn a_ring_that_nobody_was_woken_for() {
    let end =
        "lost at driver to box0: no errno by FLU-06 The program drops everything: the driver is not called";
    insta::assert_snapshot!(explain("flu-06", &[60; 17], 1, end));
}

#[test]
fn a_frame_of_the_built_in_example() {
    insta::assert_snapshot!(Folder::new().run("explain --frame 42").fine());
}

#[test]
fn the_same_for_scripts() {
    insta::assert_snapshot!(Folder::new().run("explain --frame 42 --json").fine());
}

#[test]
fn a_frame_that_the_capture_does_not_hold() {
    let said = Folder::new().run("explain --frame 121 --json");
    assert_eq!(said.code, 4);
    assert_eq!(
        said.err,
        "error: built-in capture has no frame 121: it holds 120 frames\nhelp:  --frame takes 1 to 120\n"
    );
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(json["errors"][0]["kind"], "nothing");
}

#[test]
fn one_frame_of_several_captures_is_refused() {
    let said = Folder::new().run("explain a.pcap b.pcap --frame 1");
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("several captures, but one frame"), "{}", said.err);
}
