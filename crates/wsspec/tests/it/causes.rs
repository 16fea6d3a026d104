//! One flaw of a server is one cause, however many cases it fails.

use std::time::Duration;

use serde_json::{Value, json};
use wsspec::cause::{Cause, hints};
use wsspec::results::{CaseResult, Results, Target, junit, markdown};
use wsspec::{Endpoint, Runner, cases, known};
use wsspec_reference::{Defect, Kind, Reference};

/// What these cases find at a server with this defect.
async fn found(defect: Defect, pattern: &str) -> Vec<CaseResult> {
    let reference = Reference::start_as(Kind::Plain, Some(defect)).await;
    let url = reference.url().parse().expect("a URL");
    let endpoint = Endpoint::new(url, Duration::from_millis(250));
    let selected = cases::all().filter(|it| known::matches(pattern, it.id));
    let judged = Runner::new(endpoint, 16)
        .run(selected, |_| {})
        .await;
    Target::new("reference", &judged, 1.0).cases
}

fn names<'a>(causes: &'a [Cause<'_>]) -> Vec<&'a str> {
    causes.iter().map(|cause| &*cause.name).collect()
}

fn failing(cases: &[CaseResult]) -> usize {
    cases
        .iter()
        .filter(|case| case.fails(true))
        .count()
}

#[tokio::test]
async fn one_flaw_is_one_cause_and_two_are_two() {
    let texts = found(Defect::NotUtf8Echoed, "6455/8.1/*").await;
    let causes = Cause::all(&texts, false);
    assert_eq!(names(&causes).len(), 1, "{:?}", names(&causes));
    let cause = &causes[0];
    assert!(cause.cases.len() > 50);
    assert_eq!(cause.cases.len(), failing(&texts));
    assert!(cause.fails(false));
    assert_eq!(cause.example().level.to_string(), "MUST");
    assert_eq!(cause.patterns()[0].0, "6455/8.1/invalid-text-fails/*");

    let pings = found(Defect::PongEmpty, "6455/5.5.2/ping-is-answered/*").await;
    let count = failing(&pings);
    let both = [pings, texts].concat();
    let causes = Cause::all(&both, false);
    assert_eq!(names(&causes).len(), 2, "{:?}", names(&causes));
    // The one that fails more comes first, whatever the order of the cases.
    assert_eq!(causes[1].cases.len(), count, "{:?}", names(&causes));
    let results = Results::new(vec![Target {
        cases: both,
        ..target()
    }]);
    let text = markdown(&results, false);
    assert_eq!(text.matches("<details>").count(), 2, "{text}");
    let xml = junit(&results, false).expect("XML");
    assert!(xml.contains("cases with: got an empty PONG"), "{xml}");
    // One example each is told in full.
    assert_eq!(xml.matches("HTTP/1.1 101").count(), 2, "{xml}");
}

#[tokio::test]
async fn what_is_accepted_is_another_cause_for_each_rule() {
    let cases = found(Defect::ReservedBitsIgnored, "6455/5.2/*").await;
    let causes = Cause::all(&cases, false);
    let names = names(&causes);
    let of_rule = names
        .iter()
        .filter(|name| name.contains("(6455/5.2/reserved-bits-fail)"));
    assert_eq!(of_rule.count(), 1, "{names:?}");
}

fn target() -> Target {
    Target::new("a server", &[], 1.0)
}

fn case(id: &str, expected: &str, got: &str, trace: &[&str]) -> CaseResult {
    let value: Value = json!({
        "id": id, "outcome": "fail", "level": "MUST", "rule": "A rule.",
        "clauses": [], "expected": expected, "got": got, "trace": trace,
        "seconds": 0.1,
    });
    serde_json::from_value(value).expect("a result")
}

const OPEN: [&str; 2] = ["> GET /ws HTTP/1.1", "< HTTP/1.1 101 Switching"];

/// A failure of an echo, after what was sent.
fn no_echo(expected: &str, got: &str, sent: &[&str]) -> CaseResult {
    let came = format!("< {got}");
    let trace = [&OPEN, sent, &[&came, "> CLOSE 1000", "< EOF"]].concat();
    case("6455/5.2/any-length-is-echoed/text", expected, got, &trace)
}

#[test]
fn numbers_and_payloads_make_no_other_cause() {
    let cases = [
        no_echo(
            "TEXT \"aaaa\"… (65536 octets)",
            "CLOSE 1009 \"over 8192\"",
            &["> TEXT \"aaaa\"… (65536 octets)"],
        ),
        no_echo(
            "the same BINARY of 1048576 octets",
            "CLOSE 1009 \"\"",
            &["> BINARY of 1048576 octets in 3 frames"],
        ),
        no_echo(
            "TEXT \"bbbb\"… (9000 octets)",
            "CLOSE 1009",
            &[
                "> TEXT fin=0 \"b\"",
                "> CONTINUATION \"bbb\"… (8999 octets)",
            ],
        ),
    ];
    let causes = Cause::all(&cases, false);
    let names: Vec<_> = causes.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["got CLOSE 1009 after a message; expected the echo"]);
    let hints = hints(&causes);
    assert_eq!(hints.len(), 1, "{hints:?}");
    assert!(hints[0].contains("--max-message"), "{hints:?}");
    assert!(hints[0].contains("3 cases"), "{hints:?}");
}

#[test]
fn another_code_or_another_moment_is_another_cause() {
    let sent = ["> TEXT \"a\""];
    let cases = [
        no_echo("TEXT \"a\"", "CLOSE 1002", &sent),
        no_echo("TEXT \"a\"", "CLOSE 1011", &sent),
        no_echo("TEXT \"a\"", "RST", &sent),
        no_echo("TEXT \"a\"", "RST", &["> TEXT fin=0 \"a\"", "> PING \"b\""]),
        no_echo("PONG \"a\"", "RST", &["> PING \"a\""]),
    ];
    let causes = Cause::all(&cases, false);
    assert_eq!(names(&causes).len(), 5, "{:?}", names(&causes));
    // Nothing here is long, so no limit is guessed.
    assert!(hints(&causes).is_empty());
}

#[test]
fn a_long_message_that_ends_the_connection_hints_at_a_limit() {
    let sent = ["> TEXT of 2097152 octets"];
    let cases = [no_echo("the same TEXT of 2097152 octets", "RST", &sent)];
    let hints = hints(&Cause::all(&cases, false));
    assert!(hints[0].contains("2097152 bytes"), "{hints:?}");
}

#[test]
fn results_from_before_there_were_causes_are_read() {
    let cases = vec![no_echo("TEXT \"a\"", "RST", &["> TEXT \"a\""])];
    let results = Results::new(vec![Target { cases, ..target() }]);
    let json = serde_json::to_string(&results).expect("JSON");
    assert!(!json.contains("\"cause\""));
    assert_eq!(Results::read(&json).expect("results"), results);
}
