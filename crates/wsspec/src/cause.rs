//! Causes: what many failing cases have in common.
//!
//! One flaw of a server often fails a hundred cases. A maintainer needs to see
//! it once, with one example, so cases are grouped by the reply that came
//! instead of the expected one, and by the state of the connection at that
//! moment. Numbers, payloads and ports don't count.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::report::fails;
use crate::results::CaseResult;
use crate::select::folded;
use crate::verdict::{Level, Outcome};

/// Cases with one cause.
#[derive(Debug)]
pub struct Cause<'a> {
    /// What they have in common, in words.
    pub name: String,
    /// The strongest level among them.
    pub level: Level,
    /// The cases, in the order of all. There is at least one.
    pub cases: Vec<&'a CaseResult>,
}

impl<'a> Cause<'a> {
    /// The causes of what needs a look: what fails the run first, then by
    /// level and number.
    #[must_use]
    pub fn all(cases: &'a [CaseResult], strict: bool) -> Vec<Self> {
        let mut causes = BTreeMap::<String, Vec<&CaseResult>>::new();
        for case in cases {
            if let Some(name) = name(case) {
                causes.entry(name).or_default().push(case);
            }
        }
        let mut causes: Vec<_> = causes
            .into_iter()
            .map(|(name, cases)| Self {
                name,
                level: level(&cases),
                cases,
            })
            .collect();
        causes.sort_by_key(|cause| {
            let fails = cause.fails(strict);
            // The suite's own fault and what could not be judged say least of
            // the server.
            let is_judged = cause
                .cases
                .iter()
                .any(|case| is_about_the_server(case.outcome));
            let count = Reverse(cause.cases.len());
            (!fails, !is_judged, cause.level, count)
        });
        causes
    }

    /// Whether a run fails for it.
    #[must_use]
    pub fn fails(&self, strict: bool) -> bool {
        let mut cases = self.cases.iter();
        cases.any(|case| fails(case.outcome, strict))
    }

    /// The case that shows it best: of the strongest level, the one with the
    /// shortest transcript.
    #[must_use]
    pub fn example(&self) -> &'a CaseResult {
        let cases = self.cases.iter().copied();
        let best = cases.min_by_key(|it| (it.level, it.trace.len()));
        best.unwrap_or(self.cases[0])
    }

    /// The ids of its cases as patterns, each with how many it names.
    #[must_use]
    pub fn patterns(&self) -> Vec<(String, usize)> {
        let ids: Vec<_> = self.cases.iter().map(|case| &*case.id).collect();
        folded(&ids, 2)
    }

    /// What it is called where there is one line for it: without what was
    /// expected.
    #[must_use]
    pub fn short_name(&self) -> &str {
        let end = self.name.find("; expected ");
        &self.name[..end.unwrap_or(self.name.len())]
    }

    /// Such as `119 MUST, 8 SHOULD`.
    #[must_use]
    pub fn counts(&self) -> String {
        let mut counts = BTreeMap::<Level, usize>::new();
        for case in &self.cases {
            *counts.entry(case.level).or_default() += 1;
        }
        let counts = counts
            .iter()
            .map(|(level, count)| format!("{count} {level}"));
        counts.collect::<Vec<_>>().join(", ")
    }
}

/// Advice about several causes, each once: options that say what the suite
/// can't know.
#[must_use]
pub fn hints(causes: &[Cause<'_>]) -> Vec<String> {
    let mut hints = Vec::new();
    let too_big = |case: &CaseResult| {
        let got = case.got.as_deref().unwrap_or_default();
        if got.contains("CLOSE 1009") {
            return true;
        }
        let ends = ["EOF", "RST", "CLOSE 1008", "CLOSE 1011"];
        ends.iter().any(|end| got.contains(end))
            && expected_class(case) == ECHO
            && longest(case) > LONG
    };
    let over: Vec<_> = causes
        .iter()
        .flat_map(|cause| &cause.cases)
        .filter(|case| too_big(case))
        .collect();
    if !over.is_empty() {
        let least = over
            .iter()
            .map(|case| longest(case))
            .filter(|length| *length > 0)
            .min();
        let from = least
            .map(|least| format!(" (the shortest has {least} bytes)"))
            .unwrap_or_default();
        hints.push(format!(
            "{} failed where a message may be too long for the server{from}. \
             If the server has a limit, declare it with --max-message SIZE \
             (in a server.toml max-message), such as \"64 KiB\".",
            cases(over.len())
        ));
    }
    let blocked = |case: &&&CaseResult| case.outcome == Outcome::Blocked;
    let not_judged = causes
        .iter()
        .flat_map(|cause| &cause.cases)
        .filter(blocked)
        .count();
    if not_judged > 0 {
        hints.push(format!(
            "{} could not be judged. If the server serves few connections at \
             a time, try --jobs 8, or declare max-connections in a \
             server.toml.",
            cases(not_judged)
        ));
    }
    hints
}

/// `1 case`, `2 cases`.
#[must_use]
pub fn cases(count: usize) -> String {
    match count {
        1 => "1 case".to_owned(),
        count => format!("{count} cases"),
    }
}

/// A message of more bytes than this may be over a limit.
const LONG: u64 = 8000;

const ECHO: &str = "the echo";
const PONG: &str = "a PONG";

/// How long the longest payload is that the case sent, as its transcript says.
fn longest(case: &CaseResult) -> u64 {
    let sent = case
        .trace
        .iter()
        .filter(|line| line.starts_with('>'))
        .map(String::as_str);
    // A family often has the length in what it expects.
    let lines = sent.chain(case.expected.as_deref());
    let lengths = lines.flat_map(|line| {
        let words: Vec<_> = line
            .split([' ', '(', ')'])
            .filter(|word| !word.is_empty())
            .collect();
        let mut lengths = Vec::new();
        for pair in words.windows(2) {
            if pair[1].starts_with("octets") || pair[1].starts_with("bytes") {
                lengths.extend(pair[0].parse::<u64>().ok());
            }
        }
        lengths
    });
    lengths.max().unwrap_or(0)
}

fn level(cases: &[&CaseResult]) -> Level {
    let levels = cases.iter().map(|case| case.level);
    levels.min().unwrap_or(Level::Guidance)
}

fn is_about_the_server(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Blocked | Outcome::Broken)
}

/// The cause of a case that needs a look, in words; `None` if it needs none.
#[must_use]
pub fn name(case: &CaseResult) -> Option<String> {
    match case.outcome {
        Outcome::Pass
        | Outcome::Info
        | Outcome::Unsupported
        | Outcome::Known => None,
        Outcome::Stale => Some("a known violation holds".to_owned()),
        Outcome::Broken => Some("wsspec itself failed".to_owned()),
        Outcome::Blocked => {
            let got = case.got.as_deref().unwrap_or_default();
            Some(format!("not judged: {}", normalised(got)))
        }
        Outcome::Fail | Outcome::NonStrict => Some(violation(case)),
    }
}

fn violation(case: &CaseResult) -> String {
    let expected = expected_class(case);
    let got = got_class(case);
    let rule = rule(&case.id);
    // An echo that does not come, a frame that no server may send, or a
    // connection that ends is the same failure whatever rule it breaks. That
    // something wrong is accepted is another failure for each rule.
    let is_delivery = [ECHO, PONG, ANSWER].contains(&&*expected);
    let is_refusal = ["CLOSE", "EOF", "RST", "no answer but"]
        .iter()
        .any(|word| got.starts_with(word))
        || got.starts_with(['4', '5']);
    let should_end = ["the end of the connection", "to fail", "then the end"]
        .iter()
        .any(|words| expected.contains(words));
    if expected == "frames that a server may send" {
        return format!("{got}; expected {expected}");
    }
    if should_end && !is_refusal && !is_delivery {
        return format!("the connection goes on; expected {expected} ({rule})");
    }
    let at = match &*point(case) {
        "" => String::new(),
        point => format!(" after {point}"),
    };
    match is_delivery || is_refusal {
        true => format!("got {got}{at}; expected {expected}"),
        false => format!("got {got}{at}; expected {expected} ({rule})"),
    }
}

const ANSWER: &str = "a CLOSE in answer";

/// `6455/5.5.2/ping-is-answered` of `6455/5.5.2/ping-is-answered/empty`.
fn rule(id: &str) -> &str {
    let end = id.match_indices('/').nth(2);
    end.map_or(id, |(end, _)| &id[..end])
}

/// What was expected, without what differs from one case of a family to the
/// next.
fn expected_class(case: &CaseResult) -> String {
    let expected = normalised(case.expected.as_deref().unwrap_or_default());
    let is_message = |text: &str| {
        ["TEXT", "BINARY", "CONTINUATION"]
            .iter()
            .any(|opcode| text.starts_with(opcode))
    };
    let bare = ["an empty ", "the same ", "N × "]
        .iter()
        .find_map(|prefix| expected.strip_prefix(prefix))
        .unwrap_or(&expected);
    if is_message(bare) && !bare.contains(" or ")
        || bare.starts_with("the echo of message")
        || bare.contains("octets of echo")
    {
        ECHO.to_owned()
    } else if bare.starts_with("PONG") {
        PONG.to_owned()
    } else if expected.ends_with("or a CLOSE without a code")
        || expected == "a CLOSE"
    {
        ANSWER.to_owned()
    } else {
        expected
    }
}

/// What came, likewise.
fn got_class(case: &CaseResult) -> String {
    let got = normalised(case.got.as_deref().unwrap_or_default());
    let got = got
        .strip_prefix("N octets of it, then ")
        .unwrap_or(&got);
    let ends = [" behind N echo", " within N"];
    let end = ends.iter().filter_map(|it| got.find(it)).min();
    let got = &got[..end.unwrap_or(got.len())];
    if let Some(code) = got.strip_prefix("CLOSE ") {
        let sent = format!("> CLOSE {code}");
        let is_echo = case
            .trace
            .iter()
            .any(|line| normalised(line) == sent)
            && code != "1000";
        if is_echo {
            return "CLOSE with the code that was sent".to_owned();
        }
    }
    got.to_owned()
}

/// What the suite had sent last when that came, in a few words; empty if the
/// transcript does not show it.
fn point(case: &CaseResult) -> String {
    let got = case.got.as_deref().unwrap_or_default();
    let lines = &case.trace;
    let came = |line: &String| line.starts_with('<') || line.starts_with('!');
    let at = lines.iter().rposition(|line| {
        came(line) && line.get(2..).is_some_and(|it| got.ends_with(it))
    });
    let at = at.or_else(|| {
        got.starts_with("nothing")
            .then(|| lines.iter().rposition(|it| it.starts_with('!')))
            .flatten()
    });
    let Some(at) = at else {
        return String::new();
    };
    let before = &lines[..at];
    let is_open = before.iter().any(|line| {
        line.starts_with("< HTTP/1.1 101") || line.contains(":status: 200")
    });
    if !is_open {
        return "the opening handshake".to_owned();
    }
    let sent = before
        .iter()
        .rev()
        .find(|line| line.starts_with("> "));
    sent.map(|line| kind(line)).unwrap_or_default()
}

/// What kind of thing a line of a transcript says that the suite has sent.
fn kind(line: &str) -> String {
    let line = normalised(line);
    let line = line.trim_start_matches("> ");
    let line = line.strip_prefix("N × ").unwrap_or(line);
    let mut words = line.split(' ');
    let kind = match words.next().unwrap_or_default() {
        "TEXT" | "BINARY" | "CONTINUATION" => "a message",
        "PING" => "a PING",
        "PONG" => "a PONG",
        "CLOSE" => "a CLOSE",
        "EOF" | "RST" => "our end of the connection",
        "" | "…" => "bytes that are no whole frame",
        other => return other.to_owned(),
    };
    let flags = words.filter(|word| {
        ["unmasked", "masked"].contains(word)
            || word.starts_with("length=")
            // RSV1 marks a compressed message.
            || word.starts_with("rsv=") && *word != "rsv=4"
    });
    let flags: Vec<_> = flags
        .map(|flag| match flag.split_once('=') {
            Some(("rsv", _)) => "reserved bits",
            Some(_) => "a longer length form",
            None => flag,
        })
        .collect();
    match &flags[..] {
        [] => kind.to_owned(),
        flags => format!("{kind} ({})", flags.join(", ")),
    }
}

/// A text without payloads and numbers, but with status codes.
fn normalised(text: &str) -> String {
    let text = without_payloads(text);
    let mut words = Vec::new();
    let all: Vec<_> = text.split_whitespace().collect();
    for (at, word) in all.iter().enumerate() {
        let next = all.get(at + 1).copied().unwrap_or_default();
        let before = at.checked_sub(1).map_or("", |before| all[before]);
        let number = word.trim_end_matches([',', ';', ')', ':']);
        let is_status = number.len() == 3
            && number
                .parse()
                .is_ok_and(|it: u16| (100..600).contains(&it))
            && (at == 0 || before.starts_with("HTTP/"))
            && !next.starts_with("octets");
        let is_kept = before == "CLOSE"
            || is_status
            || word.starts_with("rsv=")
            || word.starts_with("HTTP/");
        match is_kept {
            true => words.push((*word).to_owned()),
            false => words.push(without_numbers(word)),
        }
    }
    let text = words.join(" ");
    let cut = ["(N octets)", "(N bytes)"];
    cut.iter()
        .fold(text, |text, cut| text.replace(cut, ""))
        .trim()
        .replace("  ", " ")
        .replace(" ,", ",")
}

/// Without what is in quotes or, in hex, in brackets.
fn without_payloads(text: &str) -> String {
    let mut rest = String::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                while let Some(char) = chars.next() {
                    match char {
                        '\\' => _ = chars.next(),
                        '"' => break,
                        _ => {}
                    }
                }
                chars.next_if_eq(&'…');
            }
            '[' => {
                for char in chars.by_ref() {
                    if char == ']' {
                        break;
                    }
                }
            }
            char => rest.push(char),
        }
    }
    rest
}

/// `2.5s` as `Ns`. Numbers inside a word that begins with a letter stay, such
/// as that of `h2`.
fn without_numbers(word: &str) -> String {
    let is_name = word.starts_with(|char: char| char.is_alphabetic())
        && !word.contains(['=', ':', '.']);
    if is_name {
        return word.to_owned();
    }
    let mut out = String::new();
    let mut in_number = false;
    for char in word.chars() {
        let goes_on = in_number && matches!(char, '.' | ',' | '_');
        if char.is_ascii_digit() {
            if !in_number {
                out.push('N');
            }
            in_number = true;
        } else if !goes_on {
            in_number = false;
            out.push(char);
        }
    }
    // A comma at the end does not belong to the number.
    if in_number && word.ends_with(',') {
        out.push(',');
    }
    out
}
