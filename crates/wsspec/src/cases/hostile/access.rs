//! Ways round an origin check or a credential.

use rfc6455::Frame;

use super::super::s10_2_origin::{self, does_not_switch};
use super::super::s10_5_authentication::{answer_without, declared};
use crate::case::{cases, family};
use crate::dialer::{Answer, Dialer, Reply, Request};
use crate::peer::Incoming;
use crate::verdict::{Finding, Verdict};

family! { ORIGIN, Dialer:
    /// No way of naming a foreign origin beside the allowed one leads round
    /// the check.
    Guidance "hostile/access/origin/" ["6455-10.2-01"]
        => way_round_the_origin;

    "empty" (|it, _| it.set("Origin", ""));
    "second-line" (|it, _| it.add("Origin", FOREIGN));
    "first-line" (|it, allowed| {
        it.set("Origin", FOREIGN).add("Origin", allowed)
    });
    "list" (|it, allowed| it.set("Origin", format!("{allowed}, {FOREIGN}")));
    "named-in-connection" (|it, _| {
        it.set("Origin", FOREIGN)
            .set("Connection", "Upgrade, Origin")
    });
}

family! { CREDENTIAL, Dialer:
    /// Without the right credential there is no switch.
    Guidance "hostile/access/credential/" ["6455-10.5-01", "6455-4.2.2-03"]
        => way_round_the_credential;

    "absent" (|it, _| it.without("Authorization"));
    "empty" (|it, _| it.set("Authorization", ""));
    "wrong" (|it, token| {
        it.set("Authorization", format!("Bearer {}", token.to_uppercase() + "x"))
    });
    "longer" (|it, token| it.set("Authorization", format!("Bearer {token}x")));
    "shorter" (|it, token| {
        let cut = token.char_indices().next_back().map_or(0, |(at, _)| at);
        it.set("Authorization", format!("Bearer {}", &token[..cut]))
    });
    "scheme-alone" (|it, _| it.set("Authorization", "Bearer"));
    "other-scheme" (|it, token| {
        it.set("Authorization", format!("Basic {token}"))
    });
    "named-in-connection" (|it, _| {
        it.without("Authorization")
            .set("Connection", "Upgrade, Authorization")
    });
}

cases! { Dialer:
    /// A credential counts for its own request: the next one on the same
    /// connection needs it again.
    Guidance "hostile/access/credential-is-not-inherited" ["6455-10.5-01"]
        => is_not_inherited;
    /// A credential that comes as a subprotocol, as a browser's script has to
    /// send it, is as good as one in Authorization.
    Guidance "hostile/access/credential-as-subprotocol/right" ["6455-10.5-01"]
        => right_subprotocol;
    /// A wrong one is as bad.
    Guidance "hostile/access/credential-as-subprotocol/wrong" ["6455-10.5-01", "6455-4.2.2-03"]
        => wrong_subprotocol;
    /// The answer never names it: what is named is the subprotocol beside it.
    Guidance "hostile/access/credential-as-subprotocol/not-named" ["6455-4.2.2-10"]
        => subprotocol_is_no_answer;
    /// What a client sends as a secret never comes back: not in a refusal.
    Guidance "hostile/access/secret-is-not-repeated/refusal" ["6455-10.5-01"]
        => refusal_repeats_nothing;
    /// What a client sends as a secret never comes back: not in the Close of
    /// a connection that has failed.
    Guidance "hostile/access/secret-is-not-repeated/close" ["6455-10.5-01"]
        => close_repeats_nothing;
}

const FOREIGN: &str = "https://attacker.example";

const SECRET: &str = "wsspec-secret-9b1f";

async fn way_round_the_origin(
    dialer: &mut Dialer,
    change: fn(Request, &str) -> Request,
) -> Verdict {
    let allowed = s10_2_origin::declared(dialer)?;
    dialer.open().await?;
    let request = change(dialer.request(), &allowed);
    does_not_switch(&dialer.dial(request).await?)
}

async fn way_round_the_credential(
    dialer: &mut Dialer,
    change: fn(Request, &str) -> Request,
) -> Verdict {
    does_not_switch(&answer_without(dialer, change).await?)
}

async fn is_not_inherited(dialer: &mut Dialer) -> Verdict {
    declared(dialer)?;
    // Refused for its version, so that the connection goes on.
    let refused = dialer
        .request()
        .set("Sec-WebSocket-Version", "14");
    let answer = dialer.dial(refused).await?;
    if answer.expect_refusal().is_err() {
        return Err(Finding::Observed(format!(
            "a version 14 is not refused: {}",
            answer.reply()
        )));
    }
    let without = dialer.request().without("Authorization");
    does_not_switch(&answer.again(&without).await?)
}

/// An offer of the subprotocol that is spoken and of the token with this
/// behind it, and no Authorization; with the token.
async fn offer_token(
    dialer: &mut Dialer,
    behind: &str,
) -> Result<(Answer, String), Finding> {
    let token = declared(dialer)?;
    let declared = &dialer.endpoint().declared;
    let prefix = declared.bearer_subprotocol.clone();
    let Some(prefix) = prefix else {
        return Err(Finding::Unsupported(
            "the server declares no handshake.bearer-subprotocol".to_owned(),
        ));
    };
    let spoken = declared.subprotocol.clone();
    let spoken = spoken.map_or(String::new(), |it| format!("{it}, "));
    dialer.open().await?;
    let request = dialer.request().without("Authorization").add(
        "Sec-WebSocket-Protocol",
        format!("{spoken}{prefix}{token}{behind}"),
    );
    Ok((dialer.dial(request).await?, token))
}

async fn right_subprotocol(dialer: &mut Dialer) -> Verdict {
    let (answer, _) = offer_token(dialer, "").await?;
    match answer.is_switch() {
        true => Ok(()),
        false => Err(Finding::violation("101", answer.reply())),
    }
}

async fn wrong_subprotocol(dialer: &mut Dialer) -> Verdict {
    let (answer, _) = offer_token(dialer, "x").await?;
    does_not_switch(&answer)
}

async fn subprotocol_is_no_answer(dialer: &mut Dialer) -> Verdict {
    let (answer, token) = offer_token(dialer, "").await?;
    match repeats(&answer, &token) {
        None => Ok(()),
        Some(field) => {
            Err(Finding::violation("an answer without the token", field))
        }
    }
}

async fn refusal_repeats_nothing(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let request = dialer
        .request()
        .set("Sec-WebSocket-Version", "14")
        .add("Cookie", format!("session={SECRET}"))
        .add("X-Api-Key", SECRET);
    let answer = dialer.dial(request).await?;
    match repeats(&answer, SECRET) {
        None => Ok(()),
        Some(field) => Err(Finding::violation(
            "a refusal without what the client's fields say",
            field,
        )),
    }
}

/// The field of an answer that has the secret.
fn repeats(answer: &Answer, secret: &str) -> Option<String> {
    let Reply::Head(head) = answer.reply() else {
        return None;
    };
    head.fields.iter().find_map(|(name, value)| {
        let value = String::from_utf8_lossy(value);
        value
            .contains(secret)
            .then(|| format!("{name}: {value}"))
    })
}

async fn close_repeats_nothing(dialer: &mut Dialer) -> Verdict {
    let request = dialer
        .request()
        .add("Cookie", format!("session={SECRET}"));
    let mut peer = dialer.dial(request).await?.into_peer()?;
    peer.send(Frame::text(SECRET).unfinished())
        .await?;
    peer.send(Frame::continuation(b"\xff".to_vec()))
        .await?;
    loop {
        // Whether it should have failed is another case's matter.
        let got = peer.next().await;
        match got.map_err(|it| Finding::Observed(it.got()))? {
            Incoming::Close(body) => {
                let body = String::from_utf8_lossy(&body).into_owned();
                if body.contains(SECRET) {
                    return Err(Finding::violation(
                        "a reason without what the client has sent",
                        body,
                    ));
                }
            }
            Incoming::End(_) => return Ok(()),
            got => return Err(Finding::Observed(got.to_string())),
        }
    }
}
