//! Signing in, what pages show, and what they keep to themselves.

use std::time::Duration;

use serde_json::json;
use zkpool_functions::limits::{SESSION_LIFETIME, SIGN_IN_REFUSALS_MAX, SIGN_IN_REFUSED_AFTER};
use zkpool_ports::Clock;
use zkpool_types::Scope;

use crate::harness::{Answer, Api, Call, WITNESS, inline};

/// What a browser says of itself when it asks for a page.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn sign_in(key: &str) -> Call {
    Call::post("/dashboard/sign-in").form(&[("key", key)])
}

/// The answer to a sign-in that has to wait.
async fn refused(api: &Api, call: Call) -> Answer {
    let (answer, ()) = tokio::join!(api.send(call), async {
        tokio::task::yield_now().await;
        api.clock.advance(SIGN_IN_REFUSED_AFTER);
    });
    answer
}

#[tokio::test]
async fn a_browser_is_sent_from_the_root_to_the_dashboard_and_a_program_is_not() {
    let api = Api::new();
    let answer = api.send(Call::get("/").header("accept", BROWSER)).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some("/dashboard")));
    for accept in ["application/json", "*/*"] {
        let answer = api.send(Call::get("/").header("accept", accept)).await;
        assert_eq!(answer.text("service"), "zkpool");
        assert_eq!(answer.header("vary"), Some("accept"));
    }
}

#[tokio::test]
async fn a_finance_key_signs_in_and_is_not_in_the_cookie() {
    let api = Api::new();
    let key = api.key("acme", &[Scope::Finance]).await;
    let answer = api.send(sign_in(&key)).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some("/dashboard")));
    let cookie = answer.header("set-cookie").unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/dashboard", "Max-Age=3600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "the test's service is not reached over TLS: {cookie}");
    assert!(!cookie.contains(key.trim_start_matches("zkp_")), "{cookie}");
    let behind_gateway = sign_in(&key).header("x-forwarded-proto", "https");
    assert!(api.send(behind_gateway).await.header("set-cookie").unwrap().ends_with("; Secure"));
    let cookie = cookie.split(';').next().unwrap();
    let page = api.send(Call::get("/dashboard").header("cookie", cookie)).await.page();
    assert!(page.contains("acme") && !page.contains(&key), "{page}");
}

#[tokio::test]
async fn a_key_that_may_not_sign_in_is_refused_a_second_later() {
    let api = Api::new();
    let reader = api.key("acme", &[Scope::Read, Scope::Admin]).await;
    let unknown = format!("zkp_{}", "0".repeat(64));
    for (key, status) in [(unknown.as_str(), 401), ("zkp_", 401), ("", 401), (&*reader, 403)] {
        let before = api.clock.elapsed();
        let answer = refused(&api, sign_in(key)).await;
        assert_eq!(answer.status, status);
        assert!(answer.header("set-cookie").is_none());
        assert!(api.clock.elapsed() - before >= SIGN_IN_REFUSED_AFTER);
        let page = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(page.contains("role=\"alert\""), "{page}");
        assert!(key.len() < 5 || !page.contains(key), "the page repeats the key");
    }
}

#[tokio::test]
async fn many_refusals_at_once_are_cut_short_and_lock_nobody_out() {
    let api = Api::new();
    let key = api.key("acme", &[Scope::Finance]).await;
    let attempts = (0..SIGN_IN_REFUSALS_MAX).map(|_| api.send(sign_in("zkp_")));
    let waiting = futures_util::future::join_all(attempts);
    tokio::pin!(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    api.send(sign_in("zkp_")).await.problem(429, "sign_in_busy");
    assert_eq!(api.send(sign_in(&key)).await.status, 303);
    api.clock.advance(SIGN_IN_REFUSED_AFTER);
    assert!(waiting.await.iter().all(|answer| answer.status == 401));
}

#[tokio::test]
async fn a_session_ends_when_it_is_signed_out_of() {
    let api = Api::new();
    let member = api.member("acme").await;
    let out = Call::post("/dashboard/sign-out").form(&[("form_token", &member.form_token)]);
    let answer = api.send(out.header("cookie", &member.cookie)).await;
    assert_eq!(answer.header("location"), Some("/dashboard/sign-in"));
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    let answer = api.send(Call::get("/dashboard").header("cookie", &member.cookie)).await;
    assert_eq!(answer.status, 303, "a copy of the cookie still works");
}

#[tokio::test]
async fn a_session_ends_by_itself_and_what_is_left_of_it_goes() {
    let api = Api::new();
    let member = api.member("acme").await;
    api.clock.advance(SESSION_LIFETIME - Duration::from_secs(1));
    let jobs = Call::get("/dashboard/jobs").header("cookie", &member.cookie);
    assert_eq!(api.send(jobs.clone()).await.status, 200);
    api.clock.advance(Duration::from_secs(1));
    assert_eq!(api.send(jobs).await.status, 303);
    api.sign_in(&member.key).await;
    let left = api.ports.blobs.list("sessions/", None, 10).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn a_form_of_another_site_or_session_changes_nothing() {
    let api = Api::new();
    let (member, other) = (api.member("acme").await, api.member("acme").await);
    let foreign = sign_in(&member.key).header("sec-fetch-site", "cross-site");
    api.send(foreign).await.problem(403, "foreign_form");
    let out = |token| Call::post("/dashboard/sign-out").form(&[("form_token", token)]);
    for call in [
        out(&member.form_token).header("sec-fetch-site", "same-site"),
        out(&member.form_token).header("origin", "https://evil.example").header("host", "here"),
        out(&other.form_token),
        out(""),
    ] {
        api.send(call.header("cookie", &member.cookie)).await.problem(403, "foreign_form");
    }
    let jobs = Call::get("/dashboard/jobs").header("cookie", &member.cookie);
    assert_eq!(api.send(jobs).await.status, 200, "the session has ended");
    let json = Call::post("/dashboard/sign-in").json(&json!({ "key": member.key }));
    api.send(json).await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn every_answer_of_the_dashboard_keeps_pages_to_themselves() {
    let api = Api::new();
    let member = api.member("acme").await;
    for path in ["/dashboard/sign-in", "/dashboard", "/dashboard/jobs/x", "/assets/theme.js"] {
        let answer = api.send(Call::get(path).header("cookie", &member.cookie)).await;
        let policy = answer.header("content-security-policy").unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
    }
}

#[tokio::test]
async fn a_problem_is_a_page_for_browsers() {
    let api = Api::new();
    let member = api.member("acme").await;
    let call = Call::get("/dashboard/jobs/x").header("cookie", &member.cookie);
    let answer = api.send(call.header("accept", BROWSER)).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(String::from_utf8(answer.body.to_vec()).unwrap().contains("not_found"));
}

#[tokio::test]
async fn pages_show_nothing_of_another_project() {
    let api = Api::new();
    let (owner, foreign) = (api.member("owner").await, api.member("foreign").await);
    let circuit = api.register(&owner.key, "multiplier").await;
    let job = api.submit(&owner.key, &circuit, "first").await;
    for path in ["/dashboard", "/dashboard/costs", "/dashboard/jobs", "/dashboard/fleet"] {
        let page = api.send(Call::get(path).by(&foreign)).await.page();
        assert!(!page.contains(&job) && !page.contains("multiplier"), "{path}: {page}");
    }
    let page = api.send(Call::get("/dashboard/jobs").by(&owner)).await.page();
    assert!(page.contains(&job) && page.contains("multiplier"), "{page}");
}

#[tokio::test]
async fn the_cost_of_the_fleet_is_shown_to_who_runs_the_service_alone() {
    let api = Api::new();
    let shown = async |project: &str, scopes: &[Scope]| {
        let (cookie, _) = api.sign_in(&api.key(project, scopes).await).await;
        let fleet = Call::get("/dashboard/fleet").header("cookie", &cookie);
        api.send(fleet).await.page().contains("What the fleet cost")
    };
    assert!(shown("operator", &[Scope::Finance, Scope::Operator]).await);
    assert!(!shown("operator", &[Scope::Finance]).await);
    assert!(!shown("acme", &Scope::ALL).await);
}

#[tokio::test]
async fn what_a_requester_wrote_is_text_on_every_page() {
    let api = Api::new();
    let member = api.member("acme").await;
    let circuit = api.register(&member.key, "multiplier").await;
    let script = "<script>alert(1)</script>";
    let body = json!({
        "circuit": circuit, "witness": inline(WITNESS), "tags": { script: "\"><img src=x>" }
    });
    let submit = Call::post("/v1/proofs").key(&member.key).header("idempotency-key", "k");
    let job = api.send(submit.json(&body)).await.text("id");
    api.send(Call::post(format!("/v1/proofs/{job}/cancel")).key(&member.key)).await;
    let by_tag =
        format!("/dashboard/costs?group_by=tag%3A{}", "%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    for path in ["/dashboard/jobs", &format!("/dashboard/jobs/{job}"), &by_tag] {
        let page = api.send(Call::get(path).by(&member)).await.page();
        assert!(page.contains("&#60;script&#62;"), "{path}: {page}");
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x>"), "{path}");
    }
}

#[tokio::test]
async fn a_receipt_is_downloaded_as_the_api_shows_it() {
    let api = Api::new();
    let member = api.member("acme").await;
    let circuit = api.register(&member.key, "multiplier").await;
    let job = api.submit(&member.key, &circuit, "first").await;
    let download = Call::get(format!("/dashboard/jobs/{job}/receipt"));
    api.send(download.clone().by(&member)).await.problem(404, "not_found");
    api.send(Call::post(format!("/v1/proofs/{job}/cancel")).key(&member.key)).await;
    let answer = api.send(download.by(&member)).await;
    let name = format!("attachment; filename=\"receipt-{job}.json\"");
    assert_eq!(answer.header("content-disposition"), Some(name.as_str()));
    let view = api.send(Call::get(format!("/v1/proofs/{job}")).key(&member.key)).await.value();
    assert_eq!(answer.value(), view["receipt"]);
}
