//! `zkpool costs --fleet`: what provers cost, and how much of that was for nobody.

use zkpool_ledger::costs::decimal_usd;
use zkpool_types::fleet::{FleetReport, FleetRow};

use super::ReportArgs;
use crate::client::Client;
use crate::exit::CliError;
use crate::output::{Report, Table};

pub(super) fn report(args: &ReportArgs) -> Result<Report, CliError> {
    let (from, to) = (args.from.as_deref(), args.to.as_deref());
    let client = Client::new(&args.server)?;
    let fleet = client.run(async |sdk| sdk.fleet_costs(from, to).await)?;
    args.format.report(&fleet, || table(&fleet), || rows(&fleet))
}

fn table(fleet: &FleetReport) -> String {
    let mut table = Table::new(&["device", "part", "s", "share", "cost USD"]);
    for row in &fleet.rows {
        table.row(vec![
            row.device.to_string(),
            row.part.name().to_owned(),
            seconds(row.time_us),
            share(fleet, row),
            decimal_usd(row.cost_nano_usd),
        ]);
    }
    let FleetReport { from, to, cost_nano_usd, charge_nano_usd, margin_nano_usd, .. } = fleet;
    format!(
        "{}{} USD from {from} to {to}, {} USD charged, {} USD left\n",
        table.render(),
        decimal_usd(*cost_nano_usd),
        decimal_usd(*charge_nano_usd),
        decimal_usd(*margin_nano_usd),
    )
}

fn seconds(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    let ms = us.unsigned_abs() / 1000;
    format!("{sign}{}.{:03}", ms / 1000, ms % 1000)
}

/// The share of a part in the time of its class, rounded down; none of no time.
fn share(fleet: &FleetReport, row: &FleetRow) -> String {
    let class = fleet.classes.iter().find(|class| class.device == row.device);
    let whole = class.map_or(0, |class| i128::from(class.time_us));
    let percent = (i128::from(row.time_us) * 100).checked_div(whole);
    percent.map_or_else(String::new, |percent| format!("{percent}%"))
}

fn rows(fleet: &FleetReport) -> Vec<Vec<String>> {
    let headings = ["from", "to", "price_book", "device", "part", "time_us", "cost_usd"];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    rows.extend(fleet.rows.iter().map(|row| {
        vec![
            fleet.from.to_string(),
            fleet.to.to_string(),
            fleet.price_book.clone(),
            row.device.to_string(),
            row.part.name().to_owned(),
            row.time_us.to_string(),
            decimal_usd(row.cost_nano_usd),
        ]
    }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_below_zero_keeps_its_sign() {
        assert_eq!(seconds(-1_500_000), "-1.500");
        assert_eq!(seconds(61_001_999), "61.001");
    }
}
