//! RFC 9110, HTTP semantics: what HTTP asks of a server around the upgrade.

use super::s4_2_1_reading_the_request::is_accepted;
use super::s4_2_2_answering_the_request::Named;
use crate::case::cases;
use crate::dialer::Dialer;
use crate::verdict::{Finding, Verdict};

cases! { Dialer:
    /// Empty elements of a list are passed over.
    Must "9110/5.6.1/empty-elements-are-passed-over" ["9110-5.6.1-01"]
        => is_accepted(|it| it.set("Connection", ",Upgrade,"));

    /// A 405 says in Allow which methods there are.
    Must "9110/15.5.6/405-has-allow" ["9110-15.5.6-01"]
        => status_has_field("POST", 405, "Allow");
    /// A 426 says in Upgrade to which protocol.
    Must "9110/15.5.22/426-has-upgrade" ["9110-7.8-05", "9110-15.5.22-01"]
        => status_has_field("GET", 426, "Upgrade");
}

/// Asks in a way that may be answered with this status; if it is, the status
/// has to come with its field.
async fn status_has_field(
    dialer: &mut Dialer,
    method: &str,
    status: u16,
    field: &str,
) -> Verdict {
    let request = dialer
        .request()
        .method(method)
        .add("Content-Length", "0")
        .without("Upgrade")
        .set("Connection", "keep-alive");
    let answer = dialer.dial(request).await?;
    let head = answer.head()?;
    if head.status != status {
        let reply = answer.reply();
        return Err(Finding::Observed(format!("the answer is {reply}")));
    }
    if head.fields.contains(field) {
        return Ok(());
    }
    Err(Finding::violation(
        format_args!("{field} in a {status}"),
        Named(&head.fields),
    ))
}
