//! "All ports in A that are not in B", carried by a kernel in two independent ways.

use proptest::strategy::Strategy;
use proptest::test_runner::TestRunner;

use super::failure::DataFailure;
use super::player::Player;
use super::{DataReport, draw};
use crate::case::House;
use crate::cases::{Carrier, Difference};

/// Draws a triple (A, B, ingress) and plays it with both carriers: each must deliver what the reference
/// difference says, and show what the model shows.
pub(super) fn one(
    player: &mut Player<'_>,
    house: &House,
    strategy: &impl Strategy<Value = Difference>,
    runner: &mut TestRunner,
    report: &mut DataReport,
) -> Result<(), DataFailure> {
    let difference = draw(strategy, runner)?;
    let expected = difference.expected(house);
    for carrier in Carrier::ALL {
        let case = difference.case(house, carrier);
        let both = player.play(&case)?;
        if !both.agree() {
            return Err(player.differ(case, report)?);
        }
        if both.kernel.deliveries != expected {
            let parting = format!(
                "carried as {carrier:?}, both deliver something else than A without B:\n{difference:#?}"
            );
            return Err(player.failure(case, parting, report));
        }
        player.agreed(case, &both, report)?;
    }
    report.differences += 1;
    Ok(())
}
