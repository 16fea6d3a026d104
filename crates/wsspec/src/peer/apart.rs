//! Cuts that arrive as cuts. A kernel joins what a server has not read yet, so
//! the next part goes out only when the server has had its turn: it has echoed
//! on another connection, and, where this machine can tell, read the part
//! before.

use std::pin::Pin;

use rfc6455::Frame;

use super::{Incoming, Peer};
use crate::dialer::Dialer;
use crate::verdict::Finding;
use crate::wire::Setting;

/// So many echoes on the other connection are enough for a server that does
/// not read.
const MOST_TURNS: usize = 20;

/// Another connection to the same server, when it is needed.
#[derive(Debug, Default)]
pub(crate) enum Other {
    #[default]
    Unopened,
    Open(Box<Peer>),
    /// There is none, or it does not echo.
    None,
}

/// A connection of its own to the same server, which is on no record of the
/// case.
pub(crate) fn another(
    setting: &Setting,
) -> Pin<Box<dyn Future<Output = Result<Peer, Finding>> + Send>> {
    let setting = Setting::new(std::sync::Arc::clone(&setting.endpoint));
    Box::pin(async move { Dialer::new(setting, 1).open().await })
}

impl Other {
    /// Has a text echoed on the other connection; whether that worked.
    pub(crate) async fn echoes(&mut self, setting: &Setting) -> bool {
        if matches!(self, Self::Unopened) {
            *self = match another(setting).await {
                Ok(peer) => Self::Open(Box::new(peer)),
                Err(_) => Self::None,
            };
        }
        let Self::Open(peer) = self else { return false };
        let text = Frame::text("in between");
        let echoed = async {
            peer.send(text.clone()).await?;
            peer.next().await
        };
        let echoed: Result<_, Finding> = Box::pin(echoed).await;
        if !matches!(echoed, Ok(Incoming::Message(..))) {
            *self = Self::None;
            return false;
        }
        true
    }
}

impl Peer {
    /// A connection of its own to the same server, after a valid opening
    /// handshake; it is not the one that the case is about.
    ///
    /// # Errors
    ///
    /// [`Finding::Blocked`] if the server does not accept it.
    pub async fn another(&self) -> Result<Peer, Finding> {
        let setting = self.wire.setting.clone();
        let opened: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { Dialer::new(setting, 2).open().await });
        let peer: Peer = opened.await?;
        peer.is_aside();
        Ok(peer)
    }

    /// Lets the server have its turn, so that what is sent next does not come
    /// together with what was sent before. Where the server is on this machine
    /// its program has then read that, unless it does not read at all.
    pub async fn apart(&mut self) {
        let turns = if self.is_read { MOST_TURNS } else { 1 };
        for _ in 0..turns {
            if !self.other.echoes(&self.wire.setting).await {
                tokio::task::yield_now().await;
            }
            if self.wire.is_all_read() != Some(false) {
                return;
            }
        }
        // It is not waited for so long at each cut.
        self.is_read = false;
    }
}
