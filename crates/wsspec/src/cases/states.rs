//! The states of a connection in which a rule about a single frame has to
//! hold: a server may check a frame less closely if it is not the first.

use rfc6455::{Frame, MaskingKey, Opcode};

use super::{not_as_a_close, until_failed};
use crate::peer::{Cut, Incoming, Peer};
use crate::verdict::Verdict;

/// What has been sent before the frame that a case is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// The first fragment of a text.
    Inside,
    /// The same, and a Ping.
    InsideAfterAPing,
    /// A whole message, and one in fragments.
    AfterMessages,
    /// A Ping and a Pong.
    AfterControl,
}

impl State {
    fn frames(self) -> Vec<Frame> {
        let first = Frame::text("be").unfinished();
        match self {
            Self::Inside => vec![first],
            Self::InsideAfterAPing => vec![first, Frame::ping("before")],
            Self::AfterMessages => {
                vec![Frame::binary("whole"), first, Frame::continuation("gin")]
            }
            Self::AfterControl => {
                vec![Frame::ping("before"), Frame::pong("before")]
            }
        }
    }

    /// What comes back for them.
    fn answers(self) -> Vec<Incoming> {
        let answers = match self {
            Self::Inside => Vec::new(),
            Self::InsideAfterAPing | Self::AfterControl => {
                vec![Frame::pong("before")]
            }
            Self::AfterMessages => {
                vec![Frame::binary("whole"), Frame::text("begin")]
            }
        };
        answers.into_iter().map(Incoming::from).collect()
    }

    /// A frame of data whose opcode is legal in this state.
    pub(super) fn data(self, payload: &'static [u8]) -> Frame {
        match self {
            Self::Inside | Self::InsideAfterAPing => {
                Frame::continuation(payload)
            }
            Self::AfterMessages | Self::AfterControl => Frame::text(payload),
        }
    }
}

/// Holds if the server fails the connection at this frame, in this state.
/// What is due for the frames before it may come, or not.
pub(super) async fn fails_in(
    peer: &mut Peer,
    state: State,
    illegal: fn(State) -> Frame,
) -> Verdict {
    let illegal = illegal(state);
    let is_close = illegal.opcode == Opcode::CLOSE;
    peer.send_cut(Cut::Together, state.frames())
        .await?;
    peer.send(illegal).await?;
    // A server that takes no notice of the frame answers this; but for a Close,
    // which ends what can be sent.
    if !is_close {
        peer.send(Frame::ping("after")).await?;
    }
    let end = until_failed(peer, &state.answers()).await?;
    match is_close {
        true => not_as_a_close(&end),
        false => Ok(()),
    }
}

/// The same for a frame that lacks nothing but its mask.
pub(super) async fn unmasked_fails_in(
    peer: &mut Peer,
    state: State,
    illegal: fn(State) -> Frame,
) -> Verdict {
    for frame in state.frames() {
        peer.send_as_is(frame.masked(MaskingKey([7, 1, 7, 1])))
            .await?;
    }
    peer.send_as_is(illegal(state)).await?;
    peer.send(Frame::ping("after")).await?;
    until_failed(peer, &state.answers())
        .await
        .map(drop)
}
