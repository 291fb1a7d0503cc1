//! Receipts and chains, as `zkpool receipt verify` reads them: from anyone, to be believed once they
//! recompute.

use serde_json::Value;
use zkpool_ledger::chain::{check_hash, check_receipt, follow};
use zkpool_ledger::{PriceBook, recompute};
use zkpool_types::Receipt;
use zkpool_types::chain::{ChainHead, ChainLink, ChainPage, ReceiptView};

use crate::bodies::reads_back;
use crate::target::{Breach, Format, Held, Meter, Target, Verdict, refused};

pub(crate) const TARGETS: &[Target] = &[
    Target { name: "receipt", format: Format::Json, read: read_receipt },
    Target { name: "chain", format: Format::Json, read: read_chain },
    Target { name: "price_book", format: Format::Json, read: read_price_book },
];

fn read_receipt(input: &[u8], meter: &mut Meter) -> Held {
    let read = meter.measure(|| serde_json::from_slice::<ReceiptView>(input));
    // Whoever verifies a file of their own is told in full what is wrong with it.
    let Ok(ReceiptView { receipt, link }) = read else { return Ok(Verdict::Refused) };
    reads_back(&receipt)?;
    let linked = link.as_ref().map(|link| follows(link, &receipt, meter));
    match (recomputed(&receipt, meter)?, linked.transpose()?) {
        (Verdict::Accepted, None | Some(Verdict::Accepted)) => Ok(Verdict::Accepted),
        _ => Ok(Verdict::Refused),
    }
}

/// Whether the receipt is what its own usage comes to. One that is adds up.
fn recomputed(receipt: &Receipt, meter: &mut Meter) -> Held {
    let book = PriceBook::of_version(&receipt.price_book).map_err(Breach::new)?;
    let Some(book) = book else { return Ok(Verdict::Refused) };
    if meter.measure(|| recompute(&book, receipt)).is_err() {
        return Ok(Verdict::Refused);
    }
    let lines = receipt.lines.iter().map(|line| u128::from(line.amount_nano_usd.get()));
    if lines.sum::<u128>() == u128::from(receipt.charge_nano_usd.get()) {
        return Ok(Verdict::Accepted);
    }
    Err(Breach::new("a receipt recomputes whose lines do not add up to its charge"))
}

fn follows(link: &ChainLink, receipt: &Receipt, meter: &mut Meter) -> Held {
    reads_back(link)?;
    match meter.measure(|| check_hash(link).and_then(|()| check_receipt(link, receipt))) {
        Err(error) => refused(&error),
        Ok(()) => Ok(Verdict::Accepted),
    }
}

fn read_chain(input: &[u8], meter: &mut Meter) -> Held {
    let page = meter.measure(|| serde_json::from_slice::<ChainPage>(input));
    let Ok(page) = page else { return Ok(Verdict::Refused) };
    reads_back(&page)?;
    match meter.measure(|| page.links.iter().try_fold(ChainHead::default(), follow)) {
        Err(error) => refused(&error),
        Ok(head) if head.length == page.links.len() as u64 => Ok(Verdict::Accepted),
        Ok(_) => Err(Breach::new("a chain holds whose length is not that of its links")),
    }
}

/// A price book is read from the operator's own file, and has no form to be written in.
fn read_price_book(input: &[u8], meter: &mut Meter) -> Held {
    let Ok(text) = std::str::from_utf8(input) else { return Ok(Verdict::Refused) };
    match meter.measure(|| PriceBook::parse(text)) {
        Err(_) => Ok(Verdict::Refused),
        Ok(_) if serde_json::from_str::<Value>(text).is_ok() => Ok(Verdict::Accepted),
        Ok(_) => Err(Breach::new("a price book was read from what is no JSON")),
    }
}
