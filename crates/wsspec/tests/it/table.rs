//! The tables of cases: what they promise holds for every row.

use std::collections::HashSet;

use wsspec::clauses::clause;
use wsspec::coverage::{self, Coverage};
use wsspec::{Case, Level, cases, known};

#[test]
fn every_id_is_an_rfc_a_section_and_a_name_and_stands_once() {
    let mut seen = HashSet::new();
    for case in cases::all() {
        let parts: Vec<_> = case.id.split('/').collect();
        assert!(matches!(parts.len(), 3 | 4), "{}", case.id);
        let is_hostile = parts[0] == "hostile";
        let is_guidance = case.level == Level::Guidance;
        assert_eq!(is_hostile, is_guidance, "{}", case.id);
        let rfc = parts[0].parse::<u16>().is_ok();
        let section = parts[1]
            .split('.')
            .all(|it| it.parse::<u8>().is_ok());
        assert!(is_hostile || rfc && section, "{}", case.id);
        let is_name = |part: &&str| {
            !part.is_empty()
                && part.chars().all(|it| {
                    it.is_ascii_lowercase()
                        || it.is_ascii_digit()
                        || it == '-'
                        || it == '.'
                })
        };
        assert!(parts[2..].iter().all(is_name), "{}", case.id);
        assert!(seen.insert(case.id), "{} stands twice", case.id);
    }
}

#[test]
fn every_clause_exists_and_binds_as_strongly_as_its_case() {
    for case in cases::all() {
        let levels: Vec<_> = case
            .clauses
            .iter()
            .map(|id| {
                let clause = clause(id);
                clause
                    .unwrap_or_else(|| panic!("{}: {id}", case.id))
                    .level
            })
            .collect();
        if case.level == Level::Must {
            assert!(
                levels
                    .iter()
                    .any(|level| level.starts_with("MUST")),
                "{} is a MUST, its clauses are {levels:?}",
                case.id
            );
        }
    }
}

#[test]
fn every_rule_has_a_case_or_a_reason_and_no_rule_both() {
    for (clause, coverage) in coverage::rules() {
        let reasons = coverage::not_tested()
            .filter(|(pattern, _)| known::matches(pattern, clause.id));
        let expected = match coverage {
            Coverage::Cases(_) => 0,
            Coverage::Nothing(_) | Coverage::Unexplained => 1,
        };
        assert_eq!(reasons.count(), expected, "{}", clause.id);
    }
    for (pattern, _) in coverage::not_tested() {
        let mut ids = coverage::rules().map(|(clause, _)| clause.id);
        assert!(ids.any(|id| known::matches(pattern, id)), "{pattern}");
    }
}

#[test]
fn each_of_autobahns_cases_is_carried_once() {
    let all = coverage::autobahn();
    assert_eq!(all.len(), 517);
    let ids: HashSet<_> = all.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), all.len());
}

#[test]
fn every_id_names_the_rfc_of_one_of_its_clauses() {
    let by_an_rfc = |case: &&Case| case.level != Level::Guidance;
    for case in cases::all().filter(by_an_rfc) {
        let rfc = case.id.split('/').next().unwrap_or_default();
        let mut clauses = case.clauses.iter();
        assert!(clauses.any(|clause| clause.starts_with(rfc)), "{}", case.id);
    }
}

#[test]
fn every_rule_is_a_sentence() {
    for case in cases::all() {
        let rule = case.rule();
        assert!(
            rule.ends_with('.') && rule.len() > 20,
            "{}: {rule}",
            case.id
        );
    }
}
