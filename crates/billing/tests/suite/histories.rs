//! Whatever happened: reports are the sum of receipts, and closed months stay as they are.

use proptest::prelude::*;
use zkpool_ledger::chain::{check_receipt, follow};
use zkpool_types::Dimension;
use zkpool_types::chain::ChainHead;

use crate::history::{Run, history};
use crate::performance::proofs_told;
use crate::world::{project, told};

fn groupings() -> Vec<Vec<Dimension>> {
    let parse = |text: &str| text.split(',').map(|by| by.parse().unwrap()).collect();
    [
        "project",
        "circuit",
        "tag:team",
        "cost-center",
        "tags",
        "device",
        "day",
        "month",
        "kind",
        "proof",
        "day,circuit,device,kind",
        "month,cost-center",
    ]
    .map(parse)
    .into_iter()
    .chain([Vec::new()])
    .collect()
}

/// Every grouping adds up to the receipts, by rows and in total.
async fn adds_up(run: &Run) {
    let truth = run.world.truth().await;
    for by in groupings() {
        let report = run.world.report(&by).await;
        assert_eq!(told(&report), truth, "{by:?}");
        let charges = report.rows.iter().map(|row| row.sums.charge_nano_usd).sum::<i64>();
        let wastes = report.rows.iter().map(|row| row.sums.waste_nano_usd).sum::<i64>();
        assert_eq!((charges, wastes), (truth.charge, truth.waste), "{by:?}");
        assert_eq!(report.total_nano_usd, truth.charge);
    }
    assert_eq!(proofs_told(&run.world).await, truth.proofs);
}

/// The chain holds from its first link to its last, and names every receipt as it is.
async fn chain_holds(run: &Run) {
    let (mut head, mut after) = (ChainHead::default(), 0);
    loop {
        let page = run.world.costs.chain(&project(), after).await.unwrap();
        for link in &page.links {
            head = follow(head, link).unwrap();
            if link.record == zkpool_types::chain::ChainRecord::Outcome {
                let view = run.world.costs.receipt(&project(), link.job).await.unwrap();
                assert_eq!(view.link.as_ref(), Some(link));
                check_receipt(link, &view.receipt).unwrap();
            }
        }
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn reports_are_the_sum_of_receipts_and_closed_months_never_change(
        seed in any::<u64>(),
        steps in history(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new(seed);
            for step in &steps {
                run.step(step).await;
            }
            adds_up(&run).await;
            run.world.costs.roll_up_all().await.unwrap();
            run.world.costs.roll_up_all().await.unwrap();
            adds_up(&run).await;
            for (month, report) in &run.closed {
                let now = run.world.month(month).await;
                assert_eq!((&now.rows, now.total), (&report.rows, report.total), "{month}");
            }
            chain_holds(&run).await;
            for audit in run.world.costs.audit_all().await.unwrap() {
                assert_eq!(audit.differences, Vec::<String>::new());
            }
        });
    }
}
