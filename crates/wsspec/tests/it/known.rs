//! Known violations and what a failure prints, on the reference endpoint.

use std::time::Duration;

use wsspec::report::{Explained, is_violation};
use wsspec::{Endpoint, Judged, KnownViolation, Outcome, Runner, cases, known};
use wsspec_reference::{Defect, Kind, Reference};

async fn judge(defect: Defect, pattern: &str) -> Vec<Judged> {
    let reference = Reference::start_as(Kind::Plain, Some(defect)).await;
    let url = reference.url().parse().expect("a URL");
    let endpoint = Endpoint::new(url, Duration::from_millis(150));
    let selected = cases::all().filter(|it| known::matches(pattern, it.id));
    Runner::new(endpoint, 4)
        .run(selected, |_| {})
        .await
}

fn entry(text: &str) -> KnownViolation {
    toml::from_str(text).expect("a known violation")
}

fn outcome(judged: &[Judged], id: &str) -> Outcome {
    let case = judged.iter().find(|it| it.case.id.ends_with(id));
    case.expect("a case with this id").outcome
}

#[tokio::test]
async fn what_is_known_does_not_fail_and_what_holds_is_stale() {
    let mut judged =
        judge(Defect::PongEndsAtNul, "6455/5.5.2/ping-is-answered/*").await;
    assert_eq!(outcome(&judged, "/binary"), Outcome::Fail);
    assert_eq!(outcome(&judged, "/text"), Outcome::Pass);

    let known = entry(
        r#"
        case = ["6455/5.5.2/ping-is-answered/binary", "*/text", "*/every-*"]
        why = "the payload is taken for a C string"
        upstream = "https://example.org/1"
        "#,
    );
    let coin = entry(
        r#"
        case = ["*/empty", "*/longest"]
        why = "it depends"
        intermittent = "on a coin that the server tosses"
        "#,
    );
    known::apply(&mut judged, &[&known, &coin]);
    let expected = [
        ("/binary", Outcome::Known, false),
        ("/every-octet-value", Outcome::Known, false),
        ("/text", Outcome::Stale, true),
        ("/empty", Outcome::Known, false),
        ("/ten", Outcome::Pass, false),
    ];
    for (id, expected, fails) in expected {
        let outcome = outcome(&judged, id);
        assert_eq!(outcome, expected, "{id}");
        assert_eq!(is_violation(outcome, true), fails, "{id}");
    }
}

#[tokio::test]
async fn what_is_not_known_still_fails() {
    let mut judged =
        judge(Defect::PongEndsAtNul, "6455/5.5.2/ping-is-answered/*").await;
    let known = entry("case = \"*/every-octet-value\"\nwhy = \"a reason\"");
    known::apply(&mut judged, &[&known]);
    assert_eq!(outcome(&judged, "/binary"), Outcome::Fail);
    assert!(is_violation(Outcome::Fail, false));
    assert!(!is_violation(Outcome::NonStrict, false));
}

#[test]
fn an_entry_for_no_case_is_found() {
    let all: Vec<_> = cases::all().collect();
    let known = entry("case = [\"6455/5.5.2/*\", \"6455/none\"]\nwhy = \"x\"");
    let nothing: Vec<_> = known.naming_nothing(&all).collect();
    assert_eq!(nothing, ["6455/none"]);
}

/// Everything a stranger needs, without our code: rule, clause, what was
/// expected, what came, and the trace.
#[tokio::test]
async fn a_failure_explains_itself() {
    let judged = judge(Defect::FailsWith1011, "*/interleaved").await;
    let [judged] = &judged[..] else {
        panic!("one case is selected")
    };
    let text = Explained(judged).to_string();
    let text = anstream::adapter::strip_str(&text).to_string();
    let expected = "\
non-strict 6455/7.1.7/close-frame-before-failing/interleaved
  rule      A Close with 1002 precedes the end after a message in a message.
            SHOULD, RFC 6455 §7.1.7: A Close with a fitting status code precedes the end of a failed connection
            SHOULD, RFC 6455 §10.7: After OPEN: Close with a fitting code first
  expected  CLOSE 1002, then the end
  got       CLOSE 1011
  trace     > GET /ws HTTP/1.1
            < HTTP/1.1 101 Switching Protocols
            > TEXT fin=0 \"fragment1\"
            > TEXT \"fragment2\"
            < CLOSE 1011
            > CLOSE 1000
            < EOF
";
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_run_of_nothing_finds_nothing() {
    let reference = Reference::start_as(Kind::Plain, None).await;
    let url = reference.url().parse().expect("a URL");
    let endpoint = Endpoint::new(url, Duration::from_millis(150));
    let runner = Runner::new(endpoint, 0);
    assert!(runner.reach().await.is_ok());
    assert!(runner.run([], |_| {}).await.is_empty());
}
