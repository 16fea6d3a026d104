//! A client that stops reading, and reads on: what it asks for in the
//! meantime is more than the sockets of both sides hold.
//!
//! On loopback a client that always reads never lets a server see that a write
//! takes only a part. One that waits does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rfc6455::Frame;

use crate::peer::{Incoming, Peer, Unread};
use crate::verdict::{Finding, Verdict};

/// What the client sends before it reads anything.
#[derive(Clone, Copy, Debug)]
pub(super) enum Talk {
    /// Long messages.
    Long,
    /// Short messages.
    Short,
    /// Long messages with a Ping after each.
    WithPings,
    /// Long messages in fragments with a Ping between them.
    Fragmented,
}

/// Twice what the kernel holds of one direction, on both sides together.
const MOST: usize = 8 << 20;

/// A payload in which each part differs from any other part of any message, so
/// that whatever is lost, doubled or out of place shows.
pub(super) fn numbered(number: usize, length: usize) -> Vec<u8> {
    let number = u32::try_from(number)
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    let mut payload = Vec::with_capacity(length + 8);
    let mut part = 0_u32;
    while payload.len() < length {
        payload.extend_from_slice(&number);
        payload.extend_from_slice(&part.to_be_bytes());
        part += 1;
    }
    payload.truncate(length);
    payload
}

/// The frames of a talk, and what each of them is to bring.
fn frames(peer: &Peer, talk: Talk) -> Vec<(Frame, Option<Incoming>)> {
    let most = match talk {
        Talk::Short => 1000,
        _ => 200_000,
    };
    let declared = peer.declared();
    let limit = declared.max_frame.or(declared.max_message);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let length = limit.map_or(most, |limit| limit.min(most)).max(4);
    let mut frames = Vec::new();
    for n in 0..MOST / length {
        let payload = numbered(n, length);
        let message = Frame::binary(payload.clone());
        let echo = Some(Incoming::from(message.clone()));
        let ping = Frame::ping(format!("ping {n}"));
        match talk {
            Talk::Long | Talk::Short => frames.push((message, echo)),
            Talk::WithPings => {
                frames.push((message, echo));
                frames.push((ping, None));
            }
            Talk::Fragmented => {
                let (first, rest) = payload.split_at(length / 3);
                let first = Frame::binary(first.to_vec());
                frames.push((first.unfinished(), None));
                frames.push((ping, None));
                let rest = Frame::continuation(rest.to_vec());
                frames.push((rest, echo));
            }
        }
    }
    frames
}

/// What is due to a client that has sent much and read nothing.
pub(super) struct Due {
    unread: Option<Unread>,
    begun: Instant,
    messages: VecDeque<Incoming>,
    pings: VecDeque<Incoming>,
    /// What ends a message that is unfinished.
    end: Option<Frame>,
}

/// Sends and reads nothing until the server takes no more.
pub(super) async fn stop_reading(peer: &mut Peer, talk: Talk) -> Due {
    let (sent, echoes): (Vec<_>, Vec<_>) =
        frames(peer, talk).into_iter().unzip();
    let begun = Instant::now();
    let unread = peer.send_unread(&sent).await;
    let taken = &sent[..unread.frames];
    let data = taken
        .iter()
        .rev()
        .find(|it| !it.opcode.is_control());
    let unfinished = data.filter(|it| !it.fin);
    let end = unfinished.map(|_| Frame::continuation("end"));
    let mut messages: VecDeque<_> = echoes[..unread.frames]
        .iter()
        .flatten()
        .cloned()
        .collect();
    if let (Some(end), Some(first)) = (&end, unfinished) {
        let whole = [&first.payload[..], &end.payload[..]].concat();
        messages.push_back(Incoming::from(Frame::binary(whole)));
    }
    let pings = taken
        .iter()
        .filter(|it| it.opcode == rfc6455::Opcode::PING);
    let pings = pings.map(|it| Incoming::from(Frame::pong(it.payload.clone())));
    Due {
        pings: pings.collect(),
        unread: Some(unread),
        begun,
        messages,
        end,
    }
}

/// How the reading went on.
pub(super) enum Came {
    /// Everything that was due, in order.
    Everything,
    /// What is no part of what was due.
    Other(Incoming),
}

impl Due {
    /// Whether the server may have dropped the client for not reading, as it
    /// declares.
    pub(super) fn is_over(&self, peer: &Peer) -> bool {
        let deadline = peer.declared().send_deadline;
        let deadline = deadline.unwrap_or(Duration::MAX);
        self.begun.elapsed() >= deadline
    }

    /// Sends a Close behind what is still to be sent, and still reads nothing.
    pub(super) async fn close_unread(&mut self, peer: &mut Peer) {
        let Some(unread) = self.unread.take() else {
            return;
        };
        let close = Frame::close(rfc6455::StatusCode::NORMAL_CLOSURE, "");
        let frames = self.end.take().into_iter().chain([close]);
        self.unread = Some(peer.send_more_unread(unread, frames).await);
    }

    /// Reads on, and sends these frames after what is still to be sent.
    pub(super) async fn read_on(
        &mut self,
        peer: &mut Peer,
        frames: Vec<Frame>,
    ) -> Verdict {
        let Some(unread) = self.unread.take() else {
            return Ok(());
        };
        let frames = self.end.take().into_iter().chain(frames);
        peer.read_on(unread, frames).await
    }

    /// Reads what is due; of several Pings the last has to be answered (RFC
    /// 6455 §5.5.3). With `gaps` messages may be left out.
    pub(super) async fn comes(
        &mut self,
        peer: &mut Peer,
        gaps: bool,
    ) -> Result<Came, Finding> {
        while !self.messages.is_empty() || !self.pings.is_empty() {
            let got = peer.next().await?;
            let due = match &got {
                Incoming::Message(..) => &mut self.messages,
                Incoming::Pong(_) => &mut self.pings,
                _ => return Ok(Came::Other(got)),
            };
            let may_skip = gaps || matches!(got, Incoming::Pong(_));
            let at = due.iter().position(|it| *it == got);
            match at {
                Some(at) if at == 0 || may_skip => drop(due.drain(..=at)),
                Some(at) => {
                    return Err(Finding::violation(
                        format_args!("echo after echo, next {}", due[0]),
                        format_args!("{got}, {at} messages too early"),
                    ));
                }
                None => {
                    let next = due.front().map(ToString::to_string);
                    let next = next.unwrap_or("nothing of that kind".into());
                    return Err(Finding::violation(
                        format_args!("what was sent, whole: {next}"),
                        got,
                    ));
                }
            }
        }
        Ok(Came::Everything)
    }
}
