//! §10.5, client authentication: by any means of HTTP, before the switch.
//!
//! The server declares a bearer token; every right opening handshake has it.

use crate::case::cases;
use crate::dialer::{Answer, Dialer, Reply, Request};
use crate::verdict::{Finding, Verdict};

cases! { Dialer:
    /// A 401 to a client without a credential says in WWW-Authenticate how to
    /// show one.
    Must "9110/11.6.1/401-has-a-challenge" ["9110-11.6.1-01", "6455-4.2.2-03"]
        => has_a_challenge;
}

/// The answer to a changed request, of a server that accepts it with the
/// token it declares.
pub(super) async fn answer_without(
    dialer: &mut Dialer,
    change: impl FnOnce(Request, &str) -> Request,
) -> Result<Answer, Finding> {
    let token = declared(dialer)?;
    dialer.open().await?;
    let request = change(dialer.request(), &token);
    dialer.dial(request).await
}

/// The token that the server declares.
pub(super) fn declared(dialer: &Dialer) -> Result<String, Finding> {
    let bearer = dialer.endpoint().declared.bearer.clone();
    bearer.ok_or_else(|| {
        Finding::Unsupported(
            "the server declares no handshake.bearer that it asks for"
                .to_owned(),
        )
    })
}

async fn has_a_challenge(dialer: &mut Dialer) -> Verdict {
    let without = |it: Request, _: &str| it.without("Authorization");
    let answer = answer_without(dialer, without).await?;
    let head = match answer.reply() {
        Reply::Head(head) if head.status == 401 => head,
        other => {
            // Whether the server should have asked is another case's matter.
            let other = other.to_string();
            return Err(Finding::Observed(format!("the answer is {other}")));
        }
    };
    match head.fields.contains("WWW-Authenticate") {
        true => Ok(()),
        false => Err(Finding::violation(
            "WWW-Authenticate in a 401",
            answer.reply(),
        )),
    }
}
