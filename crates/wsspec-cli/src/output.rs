//! What comes out: text for a person as soon as a server is judged, files when
//! all are.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use wsspec::Outcome;
use wsspec::page::page;
use wsspec::report::ExplainedResult;
use wsspec::results::{CaseResult, Results, junit, markdown};

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

/// What a person wants to know: each case that needs a look, with everything
/// about it; then the sums; then, again, which they were.
fn text(
    out: &mut impl Write,
    finished: &Finished,
    options: &Options,
) -> io::Result<()> {
    let target = &finished.target;
    for case in &target.cases {
        if needs_a_look(case) {
            writeln!(out, "{}", ExplainedResult(case))?;
        } else if options.verbose {
            write!(out, "{:11} {}", case.outcome, case.id)?;
            match &case.got {
                Some(got) if case.outcome != Outcome::Known => {
                    writeln!(out, ": {got}")?;
                }
                _ => writeln!(out)?,
            }
        }
    }
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
    let count = target.cases.len();
    let times = match options.repeat {
        1 => String::new(),
        times => format!(", {times} times,"),
    };
    writeln!(
        out,
        "{}: {count} case{}{times} in {:.1} s",
        target.name,
        if count == 1 { "" } else { "s" },
        target.seconds
    )?;
    write!(out, "{}", target.counts())?;
    // What fails the run last: that is where one looks first.
    let (failing, mut looked_at): (Vec<_>, Vec<_>) = target
        .cases
        .iter()
        .filter(|case| needs_a_look(case))
        .partition(|case| case.fails(options.strict));
    let first_failing = failing.first().copied();
    let failing_count = failing.len();
    looked_at.extend(failing);
    let Some(first) = first_failing.or(looked_at.first().copied()) else {
        return Ok(());
    };
    if looked_at.len() > 1 {
        writeln!(out)?;
        for case in &looked_at {
            writeln!(out, "{:11} {}", case.outcome, case.id)?;
        }
    }
    writeln!(
        out,
        "\n{}",
        match failing_count {
            0 => "nothing of that fails the run".to_owned(),
            1 => "1 case fails the run".to_owned(),
            count => format!("{count} cases fail the run"),
        }
    )?;
    let id = &first.id;
    writeln!(out, "\nwsspec explain {id}    what the case is about")?;
    if let Some(url) = &finished.stays_at {
        writeln!(out, "wsspec replay {url} {id}    its whole trace")?;
    }
    Ok(())
}

fn needs_a_look(case: &CaseResult) -> bool {
    !matches!(
        case.outcome,
        Outcome::Pass | Outcome::Info | Outcome::Unsupported | Outcome::Known
    )
}
