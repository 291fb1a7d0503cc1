//! `zkpool receipt`: what a proof cost and why, checked on this machine.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};
use zkpool_ledger::chain::{check_hash, check_receipt, follow};
use zkpool_ledger::{PriceBook, ReceiptMismatch, recompute};
use zkpool_types::chain::{ChainHead, ChainLink, ChainPage, ReceiptView};
use zkpool_types::{JobId, Receipt};

use super::proofs;
use crate::client::{Client, ServerArgs};
use crate::exit::CliError;
use crate::files;
use crate::format::Format;
use crate::money::plain;
use crate::output::{Report, Table, fields};

/// Show, check and keep receipts
#[derive(Subcommand, Debug)]
pub(crate) enum ReceiptCommand {
    /// Show the receipt of a proof, line by line
    Show {
        /// The proof's id
        id: JobId,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Check a file on this machine, without a server
    ///
    /// The file holds a receipt, a proof as `proofs show --json` prints it, what `receipt show
    /// --json` prints, or a chain as `receipt chain --json` prints it. Every line of a receipt is
    /// computed again from its usage and the price book it names; every link of a chain from the
    /// one before. The first thing that does not hold is named, and the exit code is 1.
    Verify {
        /// The file
        file: PathBuf,
    },
    /// Fetch the chain of the project's receipts, to keep a copy of it
    Chain {
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        #[command(flatten)]
        server: ServerArgs,
    },
}

/// Runs the command.
pub(crate) fn run(command: &ReceiptCommand) -> Result<Report, CliError> {
    match command {
        ReceiptCommand::Show { id, format, server } => {
            let view = Client::new(server)?.run(async |sdk| sdk.receipt(*id).await)?;
            format.report(&view, || shown(&view), || lines(&view.receipt))
        }
        ReceiptCommand::Verify { file } => verified(file),
        ReceiptCommand::Chain { format, server } => {
            let links = Client::new(server)?.run(async |sdk| sdk.chain().await)?;
            let page = ChainPage { links, next: None };
            format.report(&page, || chain(&page.links), || links_of(&page.links))
        }
    }
}

fn shown(view: &ReceiptView) -> String {
    let receipt = &view.receipt;
    let mut table = Table::new(&["line", "quantity", "unit", "amount"]);
    for line in &receipt.lines {
        let amount = line.amount_nano_usd.to_string();
        table.row(vec![line.item.clone(), line.quantity.to_string(), line.unit.clone(), amount]);
    }
    let mut pairs = vec![
        ("job", receipt.job.to_string()),
        ("circuit", receipt.circuit.to_string()),
        ("device", proofs::device(receipt)),
        ("price book", receipt.price_book.clone()),
        ("charge", receipt.charge_nano_usd.to_string()),
    ];
    if !receipt.charged {
        pairs.push(("not charged", receipt.waste_nano_usd.to_string()));
    }
    pairs.extend(view.link.as_ref().map(|link| ("link", format!("{} {}", link.seq, link.hash))));
    format!("{}{}", fields(&pairs), table.render())
}

/// The lines of the charge, each with what it belongs to. They sum exactly to it.
fn lines(receipt: &Receipt) -> Vec<Vec<String>> {
    let headings = [
        "job",
        "circuit",
        "device",
        "price_book",
        "charged",
        "item",
        "quantity",
        "unit",
        "amount_usd",
    ];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    rows.extend(receipt.lines.iter().map(|line| {
        vec![
            receipt.job.to_string(),
            receipt.circuit.to_string(),
            receipt.device.as_ref().map(ToString::to_string).unwrap_or_default(),
            receipt.price_book.clone(),
            receipt.charged.to_string(),
            line.item.clone(),
            line.quantity.to_string(),
            line.unit.clone(),
            plain(line.amount_nano_usd),
        ]
    }));
    rows
}

const LINK_HEADINGS: [&str; 5] = ["link", "job", "kind", "billed", "hash"];

fn cells(link: &ChainLink) -> Vec<String> {
    vec![
        link.seq.to_string(),
        link.job.to_string(),
        link.kind.name().to_owned(),
        link.billed_at.to_string(),
        link.hash.to_string(),
    ]
}

fn chain(links: &[ChainLink]) -> String {
    let mut table = Table::new(&LINK_HEADINGS);
    links.iter().for_each(|link| table.row(cells(link)));
    table.render()
}

fn links_of(links: &[ChainLink]) -> Vec<Vec<String>> {
    let headings = LINK_HEADINGS.map(str::to_owned).to_vec();
    std::iter::once(headings).chain(links.iter().map(cells)).collect()
}

/// What a file can hold.
enum Held {
    Receipt(Box<Receipt>, Option<Box<ChainLink>>),
    Chain(Vec<ChainLink>),
}

/// Why a file does not hold, in words that name the first difference.
type Verdict = Result<(), String>;

fn verified(path: &Path) -> Result<Report, CliError> {
    let value = serde_json::from_slice(&files::read_json(path)?);
    let value: Value = value.map_err(|error| CliError::bad_file(path, error))?;
    let held = held(value).map_err(|error| CliError::bad_file(path, error))?;
    let verdict = match &held {
        Held::Receipt(receipt, link) => receipt_holds(receipt, link.as_deref())?,
        Held::Chain(links) => chain_holds(links),
    };
    let json = json!({ "verified": verdict.is_ok(), "difference": verdict.as_ref().err() });
    let text = match &verdict {
        Ok(()) => "OK\n".to_owned(),
        Err(difference) => format!("INVALID: {difference}\n"),
    };
    Ok(Report::new(&json, text)?.holds(verdict.is_ok()))
}

/// A receipt stands by itself or in what shows it.
fn held(value: Value) -> Result<Held, serde_json::Error> {
    if value.get("links").is_some() {
        return Ok(Held::Chain(serde_json::from_value::<ChainPage>(value)?.links));
    }
    let link = value.get("link").filter(|link| !link.is_null()).cloned();
    let link = link.map(serde_json::from_value).transpose()?;
    let receipt = value.get("receipt").cloned().unwrap_or(value);
    Ok(Held::Receipt(serde_json::from_value(receipt)?, link))
}

fn receipt_holds(receipt: &Receipt, link: Option<&ChainLink>) -> Result<Verdict, CliError> {
    let book = PriceBook::of_version(&receipt.price_book)
        .map_err(|error| CliError::Fault(format!("a price book does not read: {error}")))?;
    let Some(book) = book else {
        let found = &receipt.price_book;
        return Ok(Err(format!("price book: expected one that this version knows, found {found}")));
    };
    if let Err(mismatch) = recompute(&book, receipt) {
        return Ok(Err(named(receipt, &mismatch)));
    }
    let Some(link) = link else { return Ok(Ok(())) };
    let linked = check_hash(link).and_then(|()| check_receipt(link, receipt));
    Ok(linked.map_err(|error| error.to_string()))
}

/// A line by its name, where it is one that differs.
fn named(receipt: &Receipt, mismatch: &ReceiptMismatch) -> String {
    let line = match mismatch {
        ReceiptMismatch::Line { index, .. } => receipt.lines.get(*index),
        _ => None,
    };
    line.map_or_else(|| mismatch.to_string(), |line| format!("line {}: {mismatch}", line.item))
}

/// A copy may begin anywhere; from there on every link follows the one before.
fn chain_holds(links: &[ChainLink]) -> Verdict {
    let Some(first) = links.first() else { return Ok(()) };
    let before = ChainHead { length: first.seq.saturating_sub(1), hash: first.previous };
    let before = if first.seq == 1 { ChainHead::default() } else { before };
    links.iter().try_fold(before, follow).map(|_| ()).map_err(|error| error.to_string())
}
