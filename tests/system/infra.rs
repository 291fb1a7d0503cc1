//! The deployed template serves the API that the code serves.

use std::collections::BTreeSet;
use std::fs;

use zkpool_functions::endpoints::Endpoint;
use zkpool_tests::workspace::root;

#[test]
fn the_gateway_has_a_route_for_every_endpoint_and_no_other() {
    let template = fs::read_to_string(root().join("infra/core.yaml")).unwrap();
    let routes: BTreeSet<_> =
        template.lines().filter_map(|line| line.trim().strip_prefix("RouteKey: ")).collect();
    // Bytes of uploads go to the bucket by signed addresses, and an HTTP API does not stream.
    let elsewhere = [Endpoint::ReceiveUpload, Endpoint::ProofEvents, Endpoint::ProjectEvents];
    let endpoints: BTreeSet<_> = Endpoint::ALL
        .iter()
        .filter(|endpoint| !elsewhere.contains(endpoint))
        .map(|endpoint| format!("{} {}", endpoint.row().method, endpoint.row().path))
        .collect();
    assert_eq!(routes, endpoints.iter().map(String::as_str).collect());
}
