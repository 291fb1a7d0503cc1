//! One job: how it went, and its receipt line by line, recomputed here and now.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use zkpool_ledger::{PriceBook, recompute};
use zkpool_types::api::ProofView;
use zkpool_types::chain::ChainLink;
use zkpool_types::{ChargeLine, JobId, QuotedCharge, Receipt};

use crate::dashboard::SignedIn;
use crate::dashboard::format::{self, Amount};
use crate::dashboard::page::{Frame, Moment, Page, Section};
use crate::extract::PathParam;
use crate::openapi::Attachment;
use crate::proofs::job_id;
use crate::{ApiError, ApiResult, Context};

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    frame: Frame,
    id: JobId,
    circuit: String,
    state: &'static str,
    attempts: Option<u32>,
    tags: Vec<(String, String)>,
    accepted: Moment,
    deadline: Moment,
    finished: Option<Moment>,
    failure: Option<(String, String)>,
    receipt: Option<ReceiptView>,
    link: Option<LinkView>,
}

/// Where the receipt is in the project's chain.
struct LinkView {
    number: String,
    billed: Moment,
    hash: String,
}

fn link_view(link: &ChainLink) -> LinkView {
    let ChainLink { seq, billed_at, hash, .. } = link;
    LinkView { number: format::grouped(*seq), billed: (*billed_at).into(), hash: hash.to_string() }
}

/// A receipt as it is shown.
struct ReceiptView {
    charge: Amount,
    waste: Option<Amount>,
    device: String,
    price_book: String,
    utilisation: String,
    margin: String,
    witness_bytes: String,
    proof_bytes: String,
    witness_retention: String,
    development: bool,
    stages: Vec<Stage>,
    lines: Vec<Line>,
    quoted: Option<QuotedView>,
    check: Check,
}

/// What was agreed before the work, and what the work came to.
struct QuotedView {
    quote: String,
    price: Amount,
    metered: Amount,
    lines: Vec<Line>,
}

fn quoted_view(quoted: &QuotedCharge) -> QuotedView {
    let QuotedCharge { quote, price_nano_usd, metered_nano_usd, metered_lines } = quoted;
    QuotedView {
        quote: quote.as_ref().map_or("set by the service".to_owned(), ToString::to_string),
        price: (*price_nano_usd).into(),
        metered: (*metered_nano_usd).into(),
        lines: metered_lines.iter().map(line).collect(),
    }
}

/// A stage of the work and how long it took.
struct Stage {
    name: &'static str,
    ms: String,
}

/// A line of the charge.
struct Line {
    item: String,
    quantity: String,
    unit: String,
    amount: Amount,
}

/// What came of recomputing the receipt.
enum Check {
    /// Every line is what the price book gives for the usage.
    Agrees,
    /// It is not, and this is the first difference.
    Differs(String),
    /// The price book that it names is not at hand.
    NoPriceBook,
}

pub(crate) async fn page(
    State(context): State<Context>,
    Extension(signed_in): Extension<SignedIn>,
    PathParam(id): PathParam,
) -> ApiResult<Page<impl Template>> {
    let project = &signed_in.caller.project;
    let view = context.jobs().view(project, job_id(&id)?).await?;
    let link = match view.receipt {
        Some(_) => context.costs().receipt(project, view.id).await?.link,
        None => None,
    };
    let mut page =
        job_page(Frame::new(Section::Jobs, &signed_in), view, context.jobs().price_book());
    page.link = link.as_ref().map(link_view);
    Ok(Page(page))
}

fn job_page(frame: Frame, view: ProofView, book: &PriceBook) -> JobPage {
    JobPage {
        frame,
        id: view.id,
        circuit: view.circuit.to_string(),
        state: view.state.name(),
        attempts: view.receipt.as_ref().map(|receipt| receipt.usage.attempts),
        tags: view.tags.into_iter().collect(),
        accepted: view.accepted_at.into(),
        deadline: view.deadline.into(),
        finished: view.finished_at.map(Moment::from),
        failure: view.failure.map(|failure| (failure.code.to_string(), failure.detail)),
        receipt: view.receipt.map(|receipt| receipt_view(&receipt, book)),
        link: None,
    }
}

fn receipt_view(receipt: &Receipt, book: &PriceBook) -> ReceiptView {
    let usage = &receipt.usage;
    ReceiptView {
        charge: receipt.charge_nano_usd.into(),
        waste: (!receipt.charged).then(|| receipt.waste_nano_usd.into()),
        device: device(receipt),
        price_book: receipt.price_book.clone(),
        utilisation: format::percent(receipt.utilisation_bp.into()),
        margin: format::percent(receipt.margin_bp.into()),
        witness_bytes: format::grouped(usage.witness_bytes),
        proof_bytes: format::grouped(usage.proof_bytes),
        witness_retention: receipt.witness_retention.clone(),
        development: receipt.development,
        stages: stages(receipt),
        lines: receipt.lines.iter().map(line).collect(),
        quoted: receipt.quoted.as_ref().map(quoted_view),
        check: check(receipt, book),
    }
}

fn device(receipt: &Receipt) -> String {
    match (&receipt.device, &receipt.device_name) {
        (Some(class), Some(name)) => format!("{name}, charged as {class}"),
        (Some(class), None) => class.to_string(),
        (None, _) => "none".to_owned(),
    }
}

fn stages(receipt: &Receipt) -> Vec<Stage> {
    let usage = &receipt.usage;
    [
        ("In the queue", usage.queue_us),
        ("Fetching key and witness", usage.fetch_us),
        ("Witness", usage.witness_us),
        ("Transforms", usage.ntt_us),
        ("Multiplications", usage.msm_us),
        ("Verification", usage.verify_us),
        ("Device time charged", usage.device_us),
    ]
    .into_iter()
    .map(|(name, us)| Stage { name, ms: format::milliseconds(us) })
    .collect()
}

fn line(line: &ChargeLine) -> Line {
    let ChargeLine { item, quantity, unit, amount_nano_usd } = line;
    let (quantity, unit) = match unit.as_str() {
        "us" => (format::milliseconds(*quantity), "ms"),
        "bp" => (format::percent(*quantity), "of the lines above"),
        unit => (format::grouped(*quantity), unit),
    };
    Line { item: item.clone(), quantity, unit: unit.to_owned(), amount: (*amount_nano_usd).into() }
}

/// Recomputes the receipt by the price book that it names: the service's own, or an earlier one.
fn check(receipt: &Receipt, book: &PriceBook) -> Check {
    let result = if receipt.price_book == book.version() {
        recompute(book, receipt)
    } else {
        match PriceBook::of_version(&receipt.price_book) {
            Ok(Some(book)) => recompute(&book, receipt),
            Ok(None) | Err(_) => return Check::NoPriceBook,
        }
    };
    result.map_or_else(|mismatch| Check::Differs(mismatch.to_string()), |()| Check::Agrees)
}

/// The receipt as it is stored, for whoever recomputes it elsewhere.
pub(crate) async fn download(
    State(context): State<Context>,
    Extension(signed_in): Extension<SignedIn>,
    PathParam(id): PathParam,
) -> ApiResult<Attachment<Receipt>> {
    let job = job_id(&id)?;
    let view = context.jobs().view(&signed_in.caller.project, job).await?;
    let receipt = view.receipt.ok_or_else(|| ApiError::not_found("receipt"))?;
    Ok(Attachment { name: format!("receipt-{job}.json"), body: receipt })
}
