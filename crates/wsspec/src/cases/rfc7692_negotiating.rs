//! RFC 7692 §5 and §7.1: which offers of permessage-deflate are accepted, and
//! what the answer then has to say and the server to keep.
//!
//! A server that does not accept the plain offer has not the extension, and is
//! not judged.

use rfc6455::Frame;
use rfc7692::{Agreement, Blocks};

use crate::case::{cases, family};
use crate::opener::{Offered, Opener, not_agreed};
use crate::peer::Peer;
use crate::verdict::{Finding, Verdict};

const PLAIN: &str = rfc7692::NAME;
const NO_TAKEOVER: &str = "permessage-deflate; server_no_context_takeover";

cases! { Opener:
    /// Of several offers an impossible one is passed over, and the next one
    /// that fits is accepted.
    Should "7692/5/next-offer-is-accepted" ["7692-5-01"]
        => next_offer_is_accepted;
    /// Of several offers that a server can accept it accepts the first, which
    /// the client prefers.
    Should "7692/5/first-offer-is-preferred" ["7692-5-01"]
        => first_offer_is_preferred;
    /// A server declines in silence: the handshake succeeds without the
    /// extension.
    Should "7692/5/declining-is-silent" ["7692-5-02"]
        => declining_is_silent;
    /// However often the extension is offered, it is accepted once.
    Should "7692/5/accepted-once" ["7692-5-03"]
        => accepted_once;
    /// What is accepted was offered, and the answer fits the offer.
    Must "7692/5/answer-fits-the-offer" ["6455-9-01", "6455-9-02", "7692-5-03"]
        => answer_fits_the_offer;

    /// server_no_context_takeover is answered, where the offer that has it is
    /// accepted.
    Should "7692/7.1.1.1/no-takeover-is-answered" ["7692-7.1.1.1-01"]
        => no_takeover_is_answered;
    /// An offer with server_no_context_takeover is accepted.
    Should "7692/7.1.1.1/no-takeover-is-accepted" ["7692-7.1.1.1-03"]
        => no_takeover_is_accepted;
    /// A server that has agreed to server_no_context_takeover compresses each
    /// message by itself.
    Should "7692/7.1.1.1/no-takeover-is-kept" ["7692-7.1.1.1-02"]
        => no_takeover_is_kept;
    /// A server may say server_no_context_takeover unasked.
    May "7692/7.1.1.1/no-takeover-unasked" ["7692-7.1.1.1-04"]
        => tells(PLAIN, |it| it.server_takes_over,
            "the server keeps its context", "the server drops its context");
    /// A server may ask the client to compress each message by itself.
    May "7692/7.1.1.2/client-no-takeover" ["7692-7.1.1.2-01"]
        => tells("permessage-deflate; client_no_context_takeover",
            |it| it.client_takes_over,
            "the client may keep its context",
            "the client has to drop its context");
    /// Without client_no_context_takeover a message of the client may refer to
    /// those before.
    Should "7692/7.1.1/client-context-is-kept" ["7692-7.1.1-03"]
        => client_context_is_kept;
    /// A message of the client that refers to none before is inflated, also
    /// where it could have.
    Should "7692/7.1.1.2/fresh-messages-are-echoed" ["7692-7.1.1.2-01"]
        => fresh_messages_are_echoed;

    /// A server may name a smaller window for itself unasked.
    May "7692/7.1.2.1/window-unasked" ["7692-7.1.2.1-03"]
        => tells(PLAIN, |it| it.server_window_bits == 15,
            "the server's window is 15", "the server's window is smaller");
    /// An offer of client_max_window_bits without a value is answered without
    /// it or with a value.
    Should "7692/7.1.2.2/window-without-a-value" ["7692-7.1.2.2-02"]
        => answer_fits("permessage-deflate; client_max_window_bits");
    /// A parameter's value may stand in quotes.
    Should "7692/7.1.2/value-in-quotes" ["6455-9-02", "7692-7.1.2-01"]
        => value_in_quotes;
}

family! { DECLINED_UNKNOWN, Opener:
    /// An offer with a parameter that the extension does not define is
    /// declined.
    Must "7692/7/unknown-parameter-is-declined/" ["7692-7-01"] => declined;

    "foo" ("foo");
    "foo-with-value" ("foo=1");
    "behind-a-known-one" ("server_no_context_takeover; x-window=9");
    "upper-case-suffix" ("server_max_window_bits_=9");
}

family! { DECLINED_VALUE, Opener:
    /// An offer with a parameter that has a value that it can't have, or lacks
    /// one, is declined.
    Must "7692/7/bad-value-is-declined/" ["7692-7-02", "7692-7.1.2-01"]
        seen "CVE-2026-2229 (undici)"
        => declined;

    "window-0" ("server_max_window_bits=0");
    "window-7" ("server_max_window_bits=7");
    "window-16" ("server_max_window_bits=16");
    "window-99999" ("server_max_window_bits=99999");
    "window-minus-1" ("server_max_window_bits=-1");
    "window-minus-15" ("server_max_window_bits=-15");
    "window-08" ("server_max_window_bits=08");
    "window-015" ("server_max_window_bits=015");
    "window-8.0" ("server_max_window_bits=8.0");
    "window-plus-9" ("server_max_window_bits=+9");
    "window-text" ("server_max_window_bits=nine");
    "window-without-value" ("server_max_window_bits");
    "client-window-7" ("client_max_window_bits=7");
    "client-window-16" ("client_max_window_bits=16");
    "client-window-08" ("client_max_window_bits=08");
    "client-window-text" ("client_max_window_bits=x");
    "server-takeover-with-value" ("server_no_context_takeover=1");
    "client-takeover-with-value" ("client_no_context_takeover=true");
}

family! { DECLINED_REPEATED, Opener:
    /// An offer with a parameter twice is declined.
    Must "7692/7/repeated-parameter-is-declined/" ["7692-7-03"] => declined;

    "server-takeover" (
        "server_no_context_takeover; server_no_context_takeover");
    "client-takeover" (
        "client_no_context_takeover; client_no_context_takeover");
    "server-window" ("server_max_window_bits=10; server_max_window_bits=10");
    "server-window-other" (
        "server_max_window_bits=10; server_max_window_bits=12");
    "client-window" ("client_max_window_bits; client_max_window_bits=12");
}

family! { SERVER_WINDOW, Opener:
    /// server_max_window_bits is answered with the same or a smaller value, or
    /// the offer is declined, as it has to be where the server can't.
    Must "7692/7.1.2.1/window-is-answered/"
        ["7692-7.1.2.1-01", "7692-7-04"] => server_window_is_answered;

    "8" (8);
    "9" (9);
    "10" (10);
    "11" (11);
    "12" (12);
    "13" (13);
    "14" (14);
    "15" (15);
}

family! { SERVER_WINDOW_KEPT, Opener:
    /// A server refers no farther back than the window that it has agreed to.
    Should "7692/7.1.2.1/window-is-kept/" ["7692-7.1.2.1-02"]
        => server_window_is_kept;

    "8" (8);
    "9" (9);
    "10" (10);
    "11" (11);
    "12" (12);
    "13" (13);
    "14" (14);
}

family! { CLIENT_WINDOW, Opener:
    /// client_max_window_bits is answered with no larger value, and what is
    /// compressed with that window is inflated.
    Should "7692/7.1.2.2/window-is-no-larger/" ["7692-7.1.2.2-02"]
        => client_window_is_no_larger;

    "8" (8);
    "9" (9);
    "10" (10);
    "11" (11);
    "12" (12);
    "13" (13);
    "14" (14);
    "15" (15);
}

family! { CLIENT_WINDOW_UNASKED, Opener:
    /// client_max_window_bits is not answered where the offer has it not.
    Must "7692/7.1.2.2/window-only-if-offered/" ["7692-7.1.2.2-01"]
        => answer_fits;

    "plain" (PLAIN);
    "with-server-window" ("permessage-deflate; server_max_window_bits=10");
    "with-takeover" ("permessage-deflate; client_no_context_takeover");
}

/// Holds if the server accepts the plain offer, and so has the extension.
async fn has_deflate(opener: &mut Opener) -> Verdict {
    let offered = opener.offer(PLAIN).await?;
    let accepted = offered.accepted().unwrap_or_default();
    match accepted.first() {
        Some(_) => Ok(()),
        None => Err(not_agreed()),
    }
}

/// The answer to an offer, of a server that has the extension.
async fn answer_to(
    opener: &mut Opener,
    offer: &str,
) -> Result<Offered, Finding> {
    has_deflate(opener).await?;
    opener.offer(offer).await
}

async fn next_offer_is_accepted(opener: &mut Opener) -> Verdict {
    let offers = "permessage-deflate; foo, permessage-deflate";
    let offered = answer_to(opener, offers).await?;
    match offered.agreement()? {
        Some(_) => Ok(()),
        None => Err(Finding::violation(
            "the second offer to be accepted",
            "none is",
        )),
    }
}

async fn first_offer_is_preferred(opener: &mut Opener) -> Verdict {
    if answer_to(opener, NO_TAKEOVER)
        .await?
        .agreement()?
        .is_none()
    {
        return Err(Finding::Unsupported(
            "the server declines server_no_context_takeover".to_owned(),
        ));
    }
    let offers = format!("{NO_TAKEOVER}, {PLAIN}");
    match opener.offer(&offers).await?.agreement()? {
        Some(agreement) if !agreement.server_takes_over => Ok(()),
        Some(_) => Err(Finding::violation(
            "the first offer to be accepted, with server_no_context_takeover",
            "the second one is",
        )),
        None => Err(Finding::violation("an offer to be accepted", "none is")),
    }
}

async fn declining_is_silent(opener: &mut Opener) -> Verdict {
    let offer = "permessage-deflate; foo, permessage-deflate; bar=1";
    let offered = answer_to(opener, offer).await?;
    // That it is declined is another case's matter.
    offered.accepted().map(drop)
}

async fn accepted_once(opener: &mut Opener) -> Verdict {
    let offers = [PLAIN; 3].join(", ");
    let offered = answer_to(opener, &offers).await?;
    match offered.accepted()?.len() {
        0 | 1 => Ok(()),
        count => Err(Finding::violation(
            "the extension to be accepted once",
            format_args!("{count} times"),
        )),
    }
}

async fn answer_fits_the_offer(opener: &mut Opener) -> Verdict {
    answer_fits(opener, PLAIN).await
}

async fn answer_fits(opener: &mut Opener, offer: &str) -> Verdict {
    let peer = answer_to(opener, offer).await?.into_peer()?;
    works(peer).await
}

/// Holds if messages are echoed, the second like the first.
async fn works(mut peer: Peer) -> Verdict {
    for _ in 0..2 {
        let text = Frame::text("Hello, Hello, Hello, Hello!");
        peer.send_compressed(text.clone()).await?;
        peer.expect(text).await?;
    }
    peer.expect_nothing().await
}

async fn declined(opener: &mut Opener, parameters: &str) -> Verdict {
    let offer = format!("{PLAIN}; {parameters}");
    let offered = answer_to(opener, &offer).await?;
    offered.expect_declined().await
}

async fn no_takeover_is_answered(opener: &mut Opener) -> Verdict {
    answer_fits(opener, NO_TAKEOVER).await
}

async fn no_takeover_is_accepted(opener: &mut Opener) -> Verdict {
    let offered = answer_to(opener, NO_TAKEOVER).await?;
    match offered.accepted()?.is_empty() {
        false => Ok(()),
        true => Err(Finding::violation(
            "the offer to be accepted",
            "it is declined",
        )),
    }
}

/// Text that a compressor finds nothing in, but in itself when it comes again.
fn noise(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    std::iter::repeat_with(|| b'!' + random.u8(..90))
        .take(length)
        .collect()
}

async fn no_takeover_is_kept(opener: &mut Opener) -> Verdict {
    has_deflate(opener).await?;
    let mut peer = opener.deflated(NO_TAKEOVER).await?;
    // A second one that refers to the first does not inflate.
    for _ in 0..3 {
        let text = Frame::text(noise(1000));
        peer.send_compressed(text.clone()).await?;
        peer.expect(text).await?;
    }
    Ok(())
}

/// Tells what was agreed on.
async fn tells(
    opener: &mut Opener,
    offer: &str,
    is_so: fn(&Agreement) -> bool,
    yes: &str,
    no: &str,
) -> Verdict {
    let peer = opener.deflated(offer).await?;
    let agreement = peer.agreement().ok_or_else(not_agreed)?;
    let what = if is_so(&agreement) { yes } else { no };
    Err(Finding::Observed(what.to_owned()))
}

async fn client_context_is_kept(opener: &mut Opener) -> Verdict {
    let mut peer = opener.deflated(PLAIN).await?;
    if !peer
        .agreement()
        .is_some_and(|it| it.client_takes_over)
    {
        return Err(Finding::Unsupported(
            "the server asks for client_no_context_takeover".to_owned(),
        ));
    }
    for number in 0..4 {
        let text = [noise(2000), vec![b'0' + number]].concat();
        let text = Frame::text(text);
        peer.send_compressed(text.clone()).await?;
        peer.expect(text).await?;
    }
    Ok(())
}

async fn fresh_messages_are_echoed(opener: &mut Opener) -> Verdict {
    let offer = "permessage-deflate; client_no_context_takeover";
    let mut peer = opener.deflated(offer).await?;
    for _ in 0..3 {
        let mut fresh = rfc7692::Compressor::new(15, false);
        let text = noise(500);
        let payload = fresh.message(&text);
        peer.will_inflate(text.len());
        peer.send(Frame::text(payload).with_rsv(rfc7692::RSV1))
            .await?;
        peer.expect(Frame::text(text)).await?;
    }
    Ok(())
}

async fn value_in_quotes(opener: &mut Opener) -> Verdict {
    let plain = "permessage-deflate; server_max_window_bits=15";
    if answer_to(opener, plain)
        .await?
        .agreement()?
        .is_none()
    {
        return Err(Finding::Unsupported(
            "the server declines server_max_window_bits".to_owned(),
        ));
    }
    let quoted = "permessage-deflate; server_max_window_bits=\"15\"";
    match opener.offer(quoted).await?.agreement()? {
        Some(_) => Ok(()),
        None => Err(Finding::violation(
            "the offer to be accepted, as it is without quotes",
            "it is declined",
        )),
    }
}

fn server_window(bits: u8) -> String {
    format!("{PLAIN}; server_max_window_bits={bits}")
}

async fn server_window_is_answered(opener: &mut Opener, bits: u8) -> Verdict {
    answer_to(opener, &server_window(bits))
        .await?
        .agreement()
        .map(drop)
}

async fn server_window_is_kept(opener: &mut Opener, bits: u8) -> Verdict {
    has_deflate(opener).await?;
    let mut peer = opener.deflated(&server_window(bits)).await?;
    // What repeats does so just outside of the window.
    let text = noise((1 << bits) + 32).repeat(3);
    for _ in 0..2 {
        let text = Frame::text(text.clone());
        peer.send_compressed(text.clone()).await?;
        peer.expect(text).await?;
        if !peer.was_compressed() {
            return Err(Finding::Unsupported(
                "the server does not compress this echo".to_owned(),
            ));
        }
    }
    Ok(())
}

async fn client_window_is_no_larger(opener: &mut Opener, bits: u8) -> Verdict {
    let offer = format!("{PLAIN}; client_max_window_bits={bits}");
    let offered = answer_to(opener, &offer).await?;
    let mut peer = offered.into_deflated()?;
    // What repeats does so just inside of the window.
    let text = noise((3 << bits) / 4).repeat(3);
    for _ in 0..2 {
        let text = Frame::text(text.clone());
        peer.send_compressed(text.clone()).await?;
        peer.expect(text).await?;
    }
    // The same by hand, which no compressor is sure to do: as far back as it
    // may be.
    let agreement = peer.agreement().ok_or_else(not_agreed)?;
    let distance = 1 << agreement.client_window_bits;
    let text = noise(usize::from(distance));
    let blocks = Blocks::new().stored(&text);
    let payload = blocks.reference(b"", distance).message();
    let echo = [&text[..], &text[..3]].concat();
    peer.will_inflate(echo.len());
    peer.send(Frame::text(payload).with_rsv(rfc7692::RSV1))
        .await?;
    peer.expect(Frame::text(echo)).await
}
