//! The case: one rule, one level, one way to find out.

use std::pin::Pin;

use crate::clauses::{Clause, clause};
use crate::dialer::Dialer;
use crate::http2_peer::Http2Opener;
use crate::measured::Measured;
use crate::opener::Opener;
use crate::peer::Peer;
use crate::stream::Over;
use crate::verdict::{Level, Verdict};

/// One case of the suite.
#[derive(Debug)]
pub struct Case {
    /// Such as `6455/5.5.2/ping-is-answered`; never changes.
    pub id: &'static str,
    /// How strongly the rule binds.
    pub level: Level,
    /// The rule as a sentence.
    rule: &'static str,
    /// The ids of the clauses that it tests, see [`crate::clauses`].
    pub clauses: &'static [&'static str],
    /// The Autobahn|Testsuite case that it carries: it opens the connection,
    /// sends and closes as that does.
    pub autobahn: Option<&'static str>,
    /// Where servers got this wrong: advisories and threads.
    pub seen: Option<&'static str>,
    weight: Weight,
    /// What finds out.
    pub(crate) run: Run,
}

/// What a case asks of a server at once, and so how many run side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Little; most of the time it waits.
    Light,
    /// Megabytes that are echoed.
    Volume,
    /// Heads that a server may take seconds to read, so that others wait.
    Heavy,
    /// A server of its own, which is measured.
    Own,
}

/// The code of a case, by where it begins.
#[derive(Debug)]
pub(crate) enum Run {
    /// Before the opening handshake.
    Dialer(for<'a> fn(&'a mut Dialer) -> Judging<'a>),
    /// After it.
    Peer(for<'a> fn(&'a mut Peer) -> Judging<'a>),
    /// After one that has agreed on compression.
    Deflated(for<'a> fn(&'a mut Peer) -> Judging<'a>),
    /// Before one that may be of any kind.
    Opener(for<'a> fn(&'a mut Opener) -> Judging<'a>),
    /// Before the opening handshake, at a server of the case's own.
    Measured(for<'a> fn(&'a mut Measured) -> Judging<'a>),
    /// Before any frame of HTTP/2.
    Http2(for<'a> fn(&'a mut Http2Opener) -> Judging<'a>),
    /// The same at a server of the case's own.
    MeasuredHttp2(for<'a> fn(&'a mut Measured) -> Judging<'a>),
}

pub(crate) type Judging<'a> = Boxed<'a, Verdict>;

/// A future without parameters of type: it is compiled in this crate, and not
/// again in each crate that awaits it.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Case {
    /// The rule as a sentence.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule.trim()
    }

    /// What the case asks of the server at once.
    pub(crate) fn weight(&self) -> Weight {
        match self.run {
            Run::Measured(_) | Run::MeasuredHttp2(_) => Weight::Own,
            _ => self.weight,
        }
    }

    /// The clauses that the case tests.
    pub fn clauses(&self) -> impl Iterator<Item = &'static Clause> {
        self.clauses.iter().filter_map(|id| clause(id))
    }

    /// Whether the case is about the opening handshake, so that its trace
    /// should show whole heads.
    #[must_use]
    pub fn is_about_handshake(&self) -> bool {
        !matches!(self.run, Run::Peer(_))
    }

    /// Why the case has nothing to say where WebSockets are opened in this
    /// way.
    pub(crate) fn is_beside(&self, over: Over) -> Option<&'static str> {
        match (&self.run, over) {
            (Run::Dialer(_) | Run::Measured(_), Over::Http2) => {
                Some("it is about HTTP/1.1")
            }
            (Run::Http2(_) | Run::MeasuredHttp2(_), Over::Http1) => Some(
                "it is about WebSocket over HTTP/2; --http2 (in a server.toml \
                 over = \"http2\") opens it so",
            ),
            _ => None,
        }
    }

    /// For the macro alone.
    pub(crate) const fn new(
        id: &'static str,
        level: Level,
        rule: &'static str,
        clauses: &'static [&'static str],
        autobahn: Option<&'static str>,
        run: Run,
    ) -> Self {
        Self {
            id,
            level,
            rule,
            clauses,
            autobahn,
            seen: None,
            weight: Weight::Light,
            run,
        }
    }

    /// For the macro alone.
    pub(crate) const fn weighing(self, weight: Weight) -> Self {
        Self { weight, ..self }
    }

    /// For the macro alone.
    pub(crate) const fn seen(self, seen: Option<&'static str>) -> Self {
        Self { seen, ..self }
    }
}

/// The table of a section's cases.
///
/// ```text
/// cases! { Peer:
///     /// A Ping is answered with a Pong that carries the same payload.
///     Must "6455/5.5.2/ping-is-answered" ["6455-5.5.2-01"] autobahn "2.2"
///         => ping_is_answered;
/// }
/// ```
///
/// `Peer` cases begin on an open connection, `Deflated` cases on one where
/// compression was agreed, `Dialer` cases before the opening handshake of
/// HTTP/1.1, `Opener` cases before one of any kind, `Http2` cases before any
/// frame of HTTP/2, `Measured` and `MeasuredHttp2` cases at a server of their
/// own; a word behind that is their [`Weight`]; `seen "CVE-…"`
/// behind the clauses says where servers got it wrong. A family of values is one function with an argument,
/// one row per id.
macro_rules! cases {
    ($subject:ident $($weight:ident)?: $(
        $(#[doc = $rule:literal])+
        $level:ident $id:literal [$($clause:literal),+ $(,)?]
            $(autobahn $autobahn:literal)?
            $(seen $seen:literal)?
            => $judge:ident $(($($argument:expr),+ $(,)?))?;
    )+) => {
        pub(in crate::cases) const CASES: &[$crate::case::Case] = {
            const WEIGHT: $crate::case::Weight =
                $crate::case::cases!(@weight $($weight)?);
            &[$($crate::case::Case::new(
                $id,
                $crate::verdict::Level::$level,
                concat!($($rule),+),
                &[$($clause),+],
                $crate::case::cases!(@option $($autobahn)?),
                $crate::case::Run::$subject(|subject| {
                    Box::pin($judge(subject $(, $($argument),+)?))
                }),
            )
            .seen($crate::case::cases!(@option $($seen)?))
            .weighing(WEIGHT)),+]
        };
    };
    (@option $value:literal) => { Some($value) };
    (@option) => { None };
    (@weight volume) => { $crate::case::Weight::Volume };
    (@weight heavy) => { $crate::case::Weight::Heavy };
    (@weight) => { $crate::case::Weight::Light };
}

/// A table of cases that differ in one value: one function, one rule, one row
/// per id.
///
/// ```text
/// family! { INVALID, Peer:
///     /// Text that is not UTF-8 fails the connection.
///     Must "6455/8.1/invalid-text-fails/" ["6455-8.1-01"] => invalid_text;
///     "surrogate-eda080" autobahn "6.20.1" (b"\xed\xa0\x80");
/// }
/// ```
macro_rules! family {
    ($name:ident, $subject:ident $($weight:ident)?:
        $(#[doc = $rule:literal])+
        $level:ident $prefix:literal $clauses:tt $(seen $seen:literal)?
            => $judge:ident;
        $($row:literal $(autobahn $autobahn:literal)?
            ($($argument:expr),+ $(,)?);)+
    ) => {
        $crate::case::family! { @rows
            $name, $subject, ($($weight)?), $level, concat!($($rule),+), $prefix, $clauses,
            ($($seen)?), $judge;
            $($row, ($($autobahn)?), ($($argument),+);)+
        }
    };
    (@rows
        $name:ident, $subject:ident, $weight:tt, $level:ident, $rule:expr, $prefix:literal,
        [$($clause:literal),+ $(,)?], $seen:tt, $judge:ident;
        $($row:literal, ($($autobahn:literal)?), ($($argument:expr),+);)+
    ) => {
        pub(in crate::cases) const $name: &[$crate::case::Case] = {
            const CLAUSES: &[&str] = &[$($clause),+];
            const RULE: &str = $rule;
            const SEEN: Option<&str> = $crate::case::family!(@seen $seen);
            const WEIGHT: $crate::case::Weight =
                $crate::case::family!(@weight $weight);
            &[$(
                $crate::case::Case::new(
                    concat!($prefix, $row),
                    $crate::verdict::Level::$level,
                    RULE,
                    CLAUSES,
                    $crate::case::cases!(@option $($autobahn)?),
                    $crate::case::Run::$subject(|subject| {
                        Box::pin($judge(subject, $($argument),+))
                    }),
                )
                .seen(SEEN)
                .weighing(WEIGHT)
            ),+]
        };
    };
    (@seen ($seen:literal)) => { Some($seen) };
    (@seen ()) => { None };
    (@weight ($($weight:ident)?)) => {
        $crate::case::cases!(@weight $($weight)?)
    };
}

pub(crate) use {cases, family};
