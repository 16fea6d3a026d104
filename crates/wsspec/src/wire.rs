//! One TCP connection to the server, with its record.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::endpoint::Endpoint;
use crate::record::{End, Record, SharedRecord, What, note};
use crate::verdict::Finding;

/// What a server may send on one connection before it counts as a flood.
const MOST_RECEIVED: usize = 256 << 20;

/// Room for one read.
const READ_AT_ONCE: usize = 16 << 10;

/// What a case and its connections share.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) endpoint: Arc<Endpoint>,
    /// One record per connection, in the order of opening.
    pub(crate) records: Arc<std::sync::Mutex<Vec<SharedRecord>>>,
}

impl Setting {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            endpoint,
            records: Arc::default(),
        }
    }
}

/// A connection that knows only octets.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) record: SharedRecord,
    stream: TcpStream,
    received: usize,
    ended: Option<End>,
    /// Once a write has failed the server takes nothing more, but what it
    /// said before may still have to be read.
    deaf: bool,
}

impl Wire {
    pub(crate) async fn open(setting: &Setting) -> Result<Self, Finding> {
        let endpoint = Arc::clone(&setting.endpoint);
        let stream = match endpoint.patiently(endpoint.connect()).await {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                return Err(Finding::Blocked(format!(
                    "no connection to {}: {error}",
                    endpoint.url
                )));
            }
            None => {
                return Err(Finding::Blocked(format!(
                    "no connection to {} within {:?}",
                    endpoint.url, endpoint.patience
                )));
            }
        };
        let record = Record::shared();
        setting
            .records
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(Arc::clone(&record));
        Ok(Self {
            endpoint,
            record,
            stream,
            received: 0,
            ended: None,
            deaf: false,
        })
    }

    pub(crate) fn note(&self, what: What) {
        note(&self.record, what);
    }

    /// Writes all octets. That the server has gone is no finding: what it
    /// said before it went is, and that is still to be read.
    ///
    /// # Errors
    ///
    /// A server that leaves the octets lying although it serves others.
    pub(crate) async fn write(&mut self, octets: &[u8]) -> Result<(), Finding> {
        if self.deaf {
            return Ok(());
        }
        let endpoint = Arc::clone(&self.endpoint);
        let written = endpoint
            .patiently(self.stream.write_all(octets))
            .await;
        match written {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => {
                self.deaf = true;
                self.note(What::SendFailed);
                Ok(())
            }
            None => {
                self.deaf = true;
                self.note(What::SendFailed);
                Err(Finding::violation(
                    "the server to read what is sent",
                    format_args!(
                        "nothing was read for {:?}",
                        endpoint.patience
                    ),
                ))
            }
        }
    }

    /// Sends FIN and goes on reading.
    pub(crate) async fn end(&mut self) {
        self.note(What::WeEnded);
        self.deaf = true;
        _ = self.stream.shutdown().await;
    }

    /// Waits for octets and appends them, or tells how the server ended.
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub(crate) async fn read(&mut self, into: &mut BytesMut) -> Option<End> {
        if self.ended.is_some() {
            return self.ended;
        }
        into.reserve(READ_AT_ONCE);
        let end = match self.stream.read_buf(into).await {
            Ok(0) => End::Fin,
            Ok(count) => {
                self.received += count;
                if self.received <= MOST_RECEIVED {
                    return None;
                }
                End::Flood
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                return None;
            }
            Err(_) => End::Reset,
        };
        self.note(What::Ended(end));
        self.ended = Some(end);
        self.ended
    }
}
