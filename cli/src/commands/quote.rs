//! `zkpool quote`: what proofs of a circuit will cost.

use clap::Args;
use zkpool_types::Timestamp;
use zkpool_types::api::{CreateQuote, QuoteView};

use crate::client::{Client, ServerArgs};
use crate::exit::CliError;
use crate::format::Format;
use crate::money::plain;
use crate::output::{Report, Table, fields};

/// Ask what proofs will cost
///
/// The price is made of what proofs of the circuit took before, or, before there was one, of the
/// circuit's size. It holds until the quote expires for every proof that is submitted with it:
/// `zkpool prove --quote ID`.
#[derive(Args, Debug)]
pub(crate) struct QuoteArgs {
    /// `name@version`, or `name` for the version registered last
    circuit: String,
    /// How many proofs to add up
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// When they have to be there (RFC 3339): the quote says whether that looks possible
    #[arg(long)]
    deadline: Option<Timestamp>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(crate) fn run(args: QuoteArgs) -> Result<Report, CliError> {
    let QuoteArgs { circuit, count, deadline, format, server } = args;
    let asked = CreateQuote { circuit, count, deadline };
    let quote = Client::new(&server)?.run(async |sdk| sdk.quote(&asked).await)?;
    format.report(&quote, || table(&quote), || rows(&quote))
}

fn table(quote: &QuoteView) -> String {
    let bound = quote.meets_deadline.map(|meets| if meets { "yes" } else { "no" });
    let mut pairs = vec![
        ("quote", quote.id.clone()),
        ("circuit", quote.circuit.to_string()),
        ("price", format!("{} a proof ({})", quote.price_nano_usd, quote.basis.name())),
        ("total", format!("{} for {}", quote.total_nano_usd, quote.count)),
        ("expires", quote.expires_at.to_string()),
    ];
    pairs.extend(bound.map(|bound| ("meets deadline", bound.to_owned())));
    format!("{}\n{}\n{}", fields(&pairs), lines(quote), devices(quote))
}

fn lines(quote: &QuoteView) -> String {
    let mut table = Table::new(&["item", "quantity", "unit", "amount"]);
    for line in &quote.lines {
        let quantity = line.quantity.to_string();
        let (item, unit) = (line.item.clone(), line.unit.clone());
        table.row(vec![item, quantity, unit, line.amount_nano_usd.to_string()]);
    }
    table.row(vec!["price".into(), "1".into(), "proof".into(), quote.price_nano_usd.to_string()]);
    table.render()
}

fn devices(quote: &QuoteView) -> String {
    let headings =
        ["device", "basis", "samples", "median us", "p95 us", "price (median)", "price (p95)"];
    let mut table = Table::new(&headings);
    for row in &quote.devices {
        table.row(vec![
            row.device.to_string(),
            row.basis.name().to_owned(),
            row.samples.to_string(),
            row.device_us_median.to_string(),
            row.device_us_p95.to_string(),
            row.price_nano_usd_median.to_string(),
            row.price_nano_usd_p95.to_string(),
        ]);
    }
    table.render()
}

/// The lines of the price of one proof, each with what it belongs to. They sum exactly to it.
fn rows(quote: &QuoteView) -> Vec<Vec<String>> {
    let headings = [
        "circuit",
        "device",
        "basis",
        "price_book",
        "expires_at",
        "item",
        "quantity",
        "unit",
        "amount_usd",
    ];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    rows.extend(quote.lines.iter().map(|line| {
        vec![
            quote.circuit.to_string(),
            quote.device.to_string(),
            quote.basis.name().to_owned(),
            quote.price_book.clone(),
            quote.expires_at.to_string(),
            line.item.clone(),
            line.quantity.to_string(),
            line.unit.clone(),
            plain(line.amount_nano_usd),
        ]
    }));
    rows
}
