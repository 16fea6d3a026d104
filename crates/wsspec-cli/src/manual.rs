//! `wsspec completions` and `wsspec man`: what a package installs beside the
//! binary, made from the command line's own definition.

use clap::CommandFactory;

use crate::arguments::{Arguments, Completions, Man, usage};
use crate::{Exit, print};

pub(crate) fn completions(completions: &Completions) -> Exit {
    let mut text = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(
        completions.shell,
        &mut command,
        "wsspec",
        &mut text,
    );
    print(&text, Exit::AsExpected)
}

pub(crate) fn page(man: &Man) -> Exit {
    let mut command = Arguments::command().disable_help_subcommand(true);
    // Gives the subcommands their full names, such as wsspec-run.
    command.build();
    let mut page = &command;
    for name in &man.commands {
        page = page.find_subcommand(name).unwrap_or_else(|| {
            usage(&format!(
                "{} has no command {name:?}",
                page.get_bin_name().unwrap_or("wsspec")
            ))
        });
    }
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(page.clone()).manual("wsspec");
    match page.render(&mut text) {
        Ok(()) => print(&text, Exit::AsExpected),
        Err(error) => {
            anstream::eprintln!("wsspec: can't write the page: {error}");
            Exit::OwnFault
        }
    }
}
