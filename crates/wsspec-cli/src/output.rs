//! What comes out: text for a person as soon as a server is judged, files when
//! all are.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use wsspec::Outcome;
use wsspec::cause::{Cause, cases, hints};
use wsspec::page::page;
use wsspec::report::ExplainedResult;
use wsspec::results::{CaseResult, Results, Target, junit, markdown};

use crate::arguments::{Format, Options};
use crate::judge::Finished;
use crate::{Exit, written};

/// Gathers the results of a run's servers.
pub(crate) struct Output<'a> {
    options: &'a Options,
    finished: Vec<Finished>,
    exit: Exit,
}

impl<'a> Output<'a> {
    /// Takes the reports of an earlier run away: if this one ends without any,
    /// nobody shall take those for its own.
    pub(crate) fn new(options: &'a Options) -> Self {
        for path in &options.report {
            // Where that fails, writing will tell.
            _ = std::fs::remove_file(path);
        }
        Self {
            options,
            finished: Vec::new(),
            exit: Exit::AsExpected,
        }
    }

    /// Takes what is known of one server; a person sees it at once.
    pub(crate) fn add(&mut self, finished: Finished) {
        self.exit = self.exit.max(finished.exit);
        let options = self.options;
        if options.format == Format::Text && options.output.is_none() {
            let mut text = Vec::new();
            let report = self::text(&mut text, &finished, options);
            let mut out = anstream::stdout().lock();
            let shown = report.and_then(|()| out.write_all(&text));
            self.exit = written(shown.and_then(|()| out.flush()), self.exit);
        }
        self.finished.push(finished);
    }

    /// Takes that a server could not be judged.
    pub(crate) fn add_failure(&mut self, exit: Exit) {
        self.exit = self.exit.max(exit);
    }

    /// Writes what is written when all is known.
    pub(crate) fn finish(mut self) -> Exit {
        if self.finished.is_empty() {
            return self.exit;
        }
        let targets = self.finished.iter();
        let targets = targets.map(|it| it.target.clone());
        let results = Results::new(targets.collect());
        let shown = self.show(&results);
        self.exit = written(shown, self.exit);
        for path in &self.options.report {
            let report = self.report(&results, path);
            self.exit = written(report, self.exit);
        }
        self.exit
    }

    fn show(&self, results: &Results) -> io::Result<()> {
        let options = self.options;
        let mut text = Vec::new();
        match options.format {
            Format::Text if options.output.is_none() => return Ok(()),
            Format::Text => {
                for finished in &self.finished {
                    self::text(&mut text, finished, options)?;
                }
            }
            Format::Autobahn => {
                let mut index = wsspec::autobahn::Index::new();
                for finished in &self.finished {
                    index.extend(finished.index.clone());
                }
                serde_json::to_writer_pretty(&mut text, &index)?;
                writeln!(text)?;
            }
            Format::Json => text = json(results)?,
            Format::Junit => text = xml(results, options)?,
            Format::Markdown => {
                text = markdown(results, options.strict).into_bytes();
            }
            Format::Html => text = page(results, options.strict)?.into_bytes(),
        }
        match &options.output {
            None => {
                let mut out = anstream::stdout().lock();
                out.write_all(&text)?;
                out.flush()
            }
            Some(path) => write_file(path, &text),
        }
    }

    /// Writes a report in the form that the file's name asks for.
    fn report(&self, results: &Results, path: &Path) -> io::Result<()> {
        let strict = self.options.strict;
        let extension = path.extension().and_then(|it| it.to_str());
        let text = match extension {
            Some("json") => json(results)?,
            Some("xml") => xml(results, self.options)?,
            Some("html") => page(results, strict)?.into_bytes(),
            // The command line lets no other in.
            _ => markdown(results, strict).into_bytes(),
        };
        write_file(path, &text)
    }
}

fn json(results: &Results) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(results)?;
    text.push(b'\n');
    Ok(text)
}

fn xml(results: &Results, options: &Options) -> io::Result<Vec<u8>> {
    let xml = junit(results, options.strict);
    Ok((xml.map_err(io::Error::other)? + "\n").into_bytes())
}

/// Without colours.
fn write_file(path: &Path, text: &[u8]) -> io::Result<()> {
    let name = |error: io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    let file = File::create(path).map_err(name)?;
    let mut out = anstream::StripStream::new(file);
    out.write_all(text).map_err(name)?;
    out.flush().map_err(name)
}

/// So many causes have an example in full; each of the others has one line.
const IN_FULL: usize = 5;

/// An example's transcript has no more lines than this.
const TRACE: usize = 14;

/// Patterns of a cause's cases that are shown.
const PATTERNS: usize = 6;

/// What the maintainer of a server wants to know: the sums; the causes that
/// fail the run, with an example each; in short, what does not fail it; and
/// what to do next.
fn text(
    out: &mut impl Write,
    finished: &Finished,
    options: &Options,
) -> io::Result<()> {
    let target = &finished.target;
    if options.verbose {
        every_case(out, target)?;
    }
    unsteady(out, target)?;
    let times = match options.repeat {
        1 => String::new(),
        times => format!(", {times} times,"),
    };
    writeln!(
        out,
        "{}: {}{times} in {:.1} s",
        target.name,
        cases(target.cases.len()),
        target.seconds
    )?;
    write!(out, "{}", target.counts())?;
    let strict = options.strict;
    let causes = Cause::all(&target.cases, strict);
    let Some(first) = causes.first() else {
        return Ok(());
    };
    let (failing, others): (Vec<_>, Vec<_>) = causes
        .iter()
        .partition(|cause| cause.fails(strict));
    for (at, cause) in failing.iter().enumerate() {
        if at <= IN_FULL {
            writeln!(out)?;
        }
        match at < IN_FULL {
            true => in_full(out, at + 1, cause)?,
            false => in_short(out, Some(at + 1), cause)?,
        }
    }
    if !others.is_empty() {
        let count: usize = others.iter().map(|cause| cause.cases.len()).sum();
        let strict = match strict {
            true => "",
            false => " (with --strict it would)",
        };
        let fails = if count == 1 { "does" } else { "do" };
        writeln!(out, "\n{} {fails} not fail the run{strict}:", cases(count))?;
        for cause in &others {
            in_short(out, None, cause)?;
        }
    }
    writeln!(out)?;
    for hint in hints(&causes) {
        writeln!(out, "hint: {hint}")?;
    }
    let count: usize = target
        .cases
        .iter()
        .filter(|case| case.fails(strict))
        .count();
    let fails = if count == 1 { "fails" } else { "fail" };
    match (count, failing.len()) {
        (0, _) => writeln!(out, "no case fails the run")?,
        (_, 1) => {
            writeln!(out, "{} {fails} the run, with one cause", cases(count))?
        }
        (_, causes) => {
            writeln!(
                out,
                "{} {fails} the run, with {causes} causes",
                cases(count)
            )?;
        }
    }
    let id = &first.example().id;
    writeln!(out, "\nwsspec explain {id}    what the case is about")?;
    if let Some(url) = &finished.stays_at {
        writeln!(out, "wsspec replay {url} {id}    its whole transcript")?;
    }
    if let Some((pattern, _)) = first
        .patterns()
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .filter(|_| first.cases.len() > 1 && !options.verbose)
    {
        let again = match &finished.stays_at {
            Some(url) => format!("wsspec {url}"),
            None => "the same command with".to_owned(),
        };
        writeln!(
            out,
            "{again} --case '{pattern}' --verbose    each of those cases in full"
        )?;
    }
    Ok(())
}

/// A cause with the best example of its cases.
fn in_full(
    out: &mut impl Write,
    number: usize,
    cause: &Cause<'_>,
) -> io::Result<()> {
    let bold = anstyle::Style::new().bold();
    let (counts, name) = (cause.counts(), &cause.name);
    writeln!(out, "{bold}{number}. {counts}: {name}{bold:#}")?;
    let mut example = cause.example().clone();
    let lines = example.trace.len();
    if lines > TRACE + 1 {
        let (half, cut) = (TRACE / 2, lines - TRACE);
        let gap = format!("… {cut} lines …");
        example.trace.splice(half..half + cut, [gap]);
    }
    write!(out, "{}", ExplainedResult(&example))?;
    if cause.cases.len() == 1 {
        return Ok(());
    }
    let patterns = cause.patterns();
    let mut heading = "cases";
    for (pattern, count) in patterns.iter().take(PATTERNS) {
        let count = match count {
            1 => String::new(),
            count => format!(" ({count})"),
        };
        writeln!(out, "  {heading:9} {pattern}{count}")?;
        heading = "";
    }
    if patterns.len() > PATTERNS {
        let more: usize = patterns[PATTERNS..]
            .iter()
            .map(|(_, count)| count)
            .sum();
        writeln!(out, "            and {} more (--verbose)", cases(more))?;
    }
    Ok(())
}

/// A cause in a line.
fn in_short(
    out: &mut impl Write,
    number: Option<usize>,
    cause: &Cause<'_>,
) -> io::Result<()> {
    let number = match number {
        Some(number) => format!("{number}."),
        None => " ".to_owned(),
    };
    let (counts, name) = (cause.counts(), cause.short_name());
    let (pattern, count) = cause.patterns().swap_remove(0);
    let others = match cause.cases.len() - count {
        0 => String::new(),
        others => format!(" and {}", cases(others)),
    };
    writeln!(out, "{number} {counts}: {pattern}{others}: {name}")
}

/// Each case that needs a look in full, and the others in a line.
fn every_case(out: &mut impl Write, target: &Target) -> io::Result<()> {
    for case in &target.cases {
        if needs_a_look(case) {
            writeln!(out, "{}", ExplainedResult(case))?;
            continue;
        }
        write!(out, "{:11} {}", case.outcome, case.id)?;
        match &case.got {
            Some(got) if case.outcome != Outcome::Known => {
                writeln!(out, ": {got}")?;
            }
            _ => writeln!(out)?,
        }
    }
    Ok(())
}

fn unsteady(out: &mut impl Write, target: &Target) -> io::Result<()> {
    for case in &target.cases {
        if case.unsteady.is_empty() {
            continue;
        }
        let outcomes: Vec<_> = case
            .unsteady
            .iter()
            .map(|(outcome, count)| format!("{outcome} {count}×"))
            .collect();
        writeln!(out, "unsteady    {}: {}", case.id, outcomes.join(", "))?;
    }
    Ok(())
}

fn needs_a_look(case: &CaseResult) -> bool {
    !matches!(
        case.outcome,
        Outcome::Pass | Outcome::Info | Outcome::Unsupported | Outcome::Known
    )
}
