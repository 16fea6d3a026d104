//! Results for other programs: they say what happened, in the published form,
//! whatever the server has sent.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use wsspec::results::{Results, Target, junit, markdown};
use wsspec::{Endpoint, Judged, Runner, cases};
use wsspec_reference::{Defect, Kind, Reference};

/// A few cases of every outcome that a plain run has.
async fn judged() -> Vec<Judged> {
    let reference =
        Reference::start_as(Kind::Plain, Some(Defect::PongEmpty)).await;
    let url = reference.url().parse().expect("a URL");
    let endpoint = Endpoint::new(url, Duration::from_millis(250));
    let some = cases::all().filter(|case| {
        case.id.contains("/ping-is-answered/")
            || case.id.contains("/malformed-extensions/")
            || case.id.contains("6455/10.4/")
    });
    Runner::new(endpoint, 16).run(some, |_| {}).await
}

fn results(judged: &[Judged]) -> Results {
    Results::new(vec![Target::new("reference", judged, 1.5)])
}

fn schema() -> Value {
    let text = include_str!("../../data/results-1.schema.json");
    serde_json::from_str(text).expect("JSON")
}

/// Every property is in the schema, every one that is required is there, and
/// every word is one of those that the schema lists.
fn check(value: &Value, schema: &Value, at: &str) {
    if let Some(constant) = schema.get("const") {
        assert_eq!(value, constant, "{at}");
    }
    if let Some(Value::Array(words)) = schema.get("enum") {
        assert!(words.contains(value), "{at}: {value}");
    }
    match value {
        Value::Object(object) => {
            let properties = &schema["properties"];
            for (name, value) in object {
                let at = format!("{at}.{name}");
                assert!(properties.get(name).is_some(), "{at} is not there");
                check(value, &properties[name], &at);
            }
            for name in schema["required"].as_array().expect("required") {
                let name = name.as_str().expect("a name");
                assert!(object.contains_key(name), "{at}.{name} is missing");
            }
        }
        Value::Array(items) => {
            for item in items {
                check(item, &schema["items"], at);
            }
        }
        Value::String(_) => {
            let is_text = schema["type"] == "string";
            assert!(is_text || schema.get("enum").is_some(), "{at}");
        }
        Value::Number(_) => {
            let is_number = schema["type"] == "number";
            assert!(is_number || schema.get("const").is_some(), "{at}");
        }
        _ => panic!("{at}: {value}"),
    }
}

#[tokio::test]
async fn json_keeps_to_its_schema() {
    let judged = judged().await;
    let results = results(&judged);
    let value = serde_json::to_value(&results).expect("JSON");
    check(&value, &schema(), "results");
    let of = |property: &str| -> BTreeSet<String> {
        let cases = value["targets"][0]["cases"]
            .as_array()
            .expect("cases");
        let values = cases
            .iter()
            .filter_map(|it| it[property].as_str());
        values.map(str::to_owned).collect()
    };
    let outcomes = ["fail", "info", "pass", "unsupported"];
    assert_eq!(of("outcome"), outcomes.map(str::to_owned).into());
    assert_eq!(of("id").len(), judged.len());
    assert!(of("expected").contains("PONG \"Hello, world!\""));
    let read = Results::read(&value.to_string()).expect("results");
    assert_eq!(read, results);
}

#[tokio::test]
async fn junit_counts_what_fails_and_what_is_skipped() {
    let judged = judged().await;
    let count = |outcome: &str| {
        let all = judged.iter();
        all.filter(|it| it.outcome.to_string() == outcome)
            .count()
    };
    let (fail, skipped) = (count("fail"), count("unsupported"));
    assert!(fail > 0 && skipped > 0);
    let xml = junit(&results(&judged), false).expect("XML");
    let head = format!(
        "tests=\"{}\" skipped=\"{skipped}\" failures=\"{fail}\" errors=\"0\"",
        judged.len()
    );
    assert!(xml.contains(&head), "{head}:\n{xml}");
    assert!(xml.contains("expected  PONG"), "{xml}");
}

#[tokio::test]
async fn markdown_shows_each_case_that_fails() {
    let judged = judged().await;
    let text = markdown(&results(&judged), false);
    let failing = judged
        .iter()
        .filter(|it| it.outcome.to_string() == "fail");
    for judged in failing {
        assert!(text.contains(judged.case.id), "{text}");
    }
    assert!(!text.contains('\u{1b}'), "{text}");
}
