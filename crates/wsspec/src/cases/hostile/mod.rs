//! What a hostile client sends: legal but absurd, or illegal and large.
//!
//! Advice, graded `Guidance`: no RFC says how much a server has to take, only
//! that it has to protect itself (RFC 6455 §10.4) and to judge what comes
//! (§10.7). What counts is that an answer comes, that it fits, and that other
//! connections are still served. Volumes are bounded: no case sends more than
//! 64 MiB or has more than 200 connections open, and each stops when the server
//! has had enough.
//!
//! Not here, and why: a credential that is revoked while the connection is
//! open, and a handler that fails, need an endpoint that can be told to do so;
//! a push to many clients needs more than an echo; packets that vanish need a
//! network of the suite's own; what a server logs can't be seen. Requests that
//! come octet by octet cost no measurable time, as the kernel joins them.

use crate::dialer::{Dialer, Reply};
use crate::endpoint::being_served_counts;
use crate::peer::{Incoming, Peer};
use crate::record::End;
use crate::verdict::{Finding, Verdict};

pub(super) mod access;
pub(super) mod compression;
pub(super) mod connections;
pub(super) mod control;
pub(super) mod fragments;
pub(super) mod handshake;
pub(super) mod http2;
pub(super) mod length;
pub(super) mod process;
pub(super) mod slow;
pub(super) mod text;

/// So many octets, or what the server declares to take where that is less.
fn at_most_declared(peer: &Peer, octets: usize) -> usize {
    let most = peer.declared().max_message;
    let most = most.and_then(|most| usize::try_from(most).ok());
    most.map_or(octets, |most| most.min(octets))
}

/// Holds if the server has given up, with an answer or without.
fn has_given_up(reply: &Reply) -> Verdict {
    match reply {
        Reply::End(_) => Ok(()),
        Reply::Head(head) if (300..600).contains(&head.status) => Ok(()),
        other => Err(Finding::violation(
            "the end of the connection, or an HTTP error status",
            other,
        )),
    }
}

/// Holds if a connection of its own is served.
async fn others_are_served(dialer: &mut Dialer) -> Verdict {
    let served = async {
        let mut peer = dialer.open().await?;
        peer.is_aside();
        peer.expect_nothing().await
    };
    served
        .await
        .map_err(|finding| nobody_is_served(&finding))
}

/// That a connection did not come about, or had no echo, is what the case is
/// about.
fn nobody_is_served(finding: &Finding) -> Finding {
    being_served_counts();
    Finding::violation("other connections to be served", finding.got())
}

/// Holds if this message comes, or the connection ends because it is too much:
/// without a Close, or with 1008, 1009, 1011 or 1013.
async fn echo_or_limit(peer: &mut Peer, echo: Incoming) -> Verdict {
    const EXPECTED: &str = "the echo, or the end of the connection with a \
        CLOSE 1008, 1009, 1011 or 1013 or with none";
    match peer.next().await? {
        got if got == echo => Ok(()),
        Incoming::End(End::Fin | End::Reset) => Ok(()),
        got => is_fitting_for_too_much(got, EXPECTED),
    }
}

/// Holds for a Close that says that something is too much.
fn is_fitting_for_too_much(got: Incoming, expected: &str) -> Verdict {
    let code = got.status_code().map(|code| code.0);
    match code {
        Some(1008 | 1009 | 1011 | 1013) => Ok(()),
        _ => Err(Finding::violation(expected, got)),
    }
}
