//! Which cases run.

use wsspec::select::NoSuchCase;
use wsspec::{Level, Selection};

fn ids(selection: &Selection) -> Vec<&'static str> {
    let cases = selection.cases().expect("some cases");
    cases.iter().map(|case| case.id).collect()
}

#[test]
fn kinds_narrow_each_other_and_one_kind_widens() {
    let pings = Selection {
        autobahn: vec!["2.1".into(), "2.2".into()],
        ..Selection::default()
    };
    assert_eq!(
        ids(&pings),
        [
            "6455/5.5.2/ping-is-answered/empty",
            "6455/5.5.2/ping-is-answered/text",
        ]
    );
    let with_payload = Selection {
        clauses: vec!["6455-5.5.3-*".into()],
        levels: vec![Level::Must],
        ..pings
    };
    assert_eq!(ids(&with_payload), ["6455/5.5.2/ping-is-answered/text"]);
}

#[test]
fn what_is_nowhere_is_named() {
    let selection = Selection {
        cases: vec!["6455/5.5.2/*".into(), "nowhere".into()],
        ..Selection::default()
    };
    let error = selection.cases().expect_err("no such case");
    assert_eq!(error, NoSuchCase::Id("nowhere".into()));
    let selection = Selection {
        cases: vec!["6455/5.5.2/*".into()],
        autobahn: vec!["1.1.1".into()],
        ..Selection::default()
    };
    let error = selection.cases().expect_err("nothing fits");
    assert_eq!(error, NoSuchCase::Together);
}

#[test]
fn what_takes_long_is_asked_for() {
    let long = "hostile/time/silence/open";
    let all = Selection::default();
    assert!(!ids(&all).contains(&long));
    let thorough = Selection {
        thorough: true,
        ..Selection::default()
    };
    assert!(ids(&thorough).contains(&long));
    for (pattern, is_named) in [
        (long, true),
        ("hostile/time/silence/*", true),
        ("hostile/*", false),
    ] {
        let named = Selection {
            cases: vec![pattern.to_owned()],
            ..Selection::default()
        };
        assert_eq!(ids(&named).contains(&long), is_named, "{pattern}");
    }
}
