//! The payload: what a frame says.

use bytes::{Buf, Bytes};

use crate::{ErrorCode, Flags, Frame, FrameType, Setting, Settings, Violation};

/// What a frame says, once its padding is taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Content of a stream. Padding counts in the window, so that what the
    /// sender has used of it is the length of the frame's payload.
    Data(Bytes),
    /// The first or only part of a field section.
    Headers {
        /// What it begins with, if it has the flag.
        priority: Option<Priority>,
        /// The octets for [`hpack`](crate::hpack).
        block: Bytes,
    },
    /// A priority.
    Priority(Priority),
    /// The abrupt end of a stream.
    RstStream(ErrorCode),
    /// Settings, in their order.
    Settings(Settings),
    /// The answer to SETTINGS.
    SettingsAck,
    /// A request that a server makes up.
    PushPromise {
        /// The stream that the answer will use.
        promised: u32,
        /// The octets for [`hpack`](crate::hpack).
        block: Bytes,
    },
    /// A request for the same octets.
    Ping([u8; 8]),
    /// The answer to a PING.
    PingAck([u8; 8]),
    /// The end of the connection.
    GoAway {
        /// The last stream that may have been looked at.
        last_stream: u32,
        /// The cause.
        code: ErrorCode,
        /// Text for people.
        debug_data: Bytes,
    },
    /// More room for DATA; 31 bits.
    WindowUpdate(u32),
    /// A further part of a field section.
    Continuation(Bytes),
    /// A frame of an unknown type, which is to be passed over.
    Unknown,
}

/// The priority that RFC 7540 had ([RFC 9113 §5.3]).
///
/// [RFC 9113 §5.3]: https://www.rfc-editor.org/rfc/rfc9113#section-5.3
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// Whether no other stream is to depend on the same.
    pub exclusive: bool,
    /// The stream that this one depends on; 31 bits.
    pub dependency: u32,
    /// One less than the weight.
    pub weight: u8,
}

impl Frame {
    /// What the frame says.
    ///
    /// # Errors
    ///
    /// [`Violation::Length`] and [`Violation::PaddingTooLong`], the rules
    /// without which there is nothing to read. The others are
    /// [`Rules`](crate::Rules)'.
    pub fn read(&self) -> Result<Payload, Violation> {
        let is_ack = self.flags.contains(Flags::ACK);
        let mut octets = self.payload.clone();
        let payload = match self.frame_type {
            FrameType::DATA => Payload::Data(self.without_padding()?),
            FrameType::HEADERS => {
                let mut octets = self.without_padding()?;
                let mut priority = None;
                if self.flags.contains(Flags::PRIORITY) {
                    let Some(first) = octets.first_chunk() else {
                        return Err(self.wrong_length());
                    };
                    priority = Some(Priority::read(*first));
                    octets.advance(5);
                }
                Payload::Headers {
                    priority,
                    block: octets,
                }
            }
            FrameType::PRIORITY => {
                Payload::Priority(Priority::read(self.exactly()?))
            }
            FrameType::RST_STREAM => {
                let code = u32::from_be_bytes(self.exactly()?);
                Payload::RstStream(ErrorCode(code))
            }
            FrameType::SETTINGS if is_ack => {
                self.exactly::<0>()?;
                Payload::SettingsAck
            }
            FrameType::SETTINGS => {
                let (settings, []) = octets.as_chunks() else {
                    return Err(self.wrong_length());
                };
                let settings = settings.iter().map(|&[a, b, c, d, e, f]| {
                    let setting = Setting(u16::from_be_bytes([a, b]));
                    (setting, u32::from_be_bytes([c, d, e, f]))
                });
                Payload::Settings(settings.collect())
            }
            FrameType::PUSH_PROMISE => {
                let mut octets = self.without_padding()?;
                let Ok(promised) = octets.try_get_u32() else {
                    return Err(self.wrong_length());
                };
                Payload::PushPromise {
                    promised: promised & 0x7fff_ffff,
                    block: octets,
                }
            }
            FrameType::PING if is_ack => Payload::PingAck(self.exactly()?),
            FrameType::PING => Payload::Ping(self.exactly()?),
            FrameType::GOAWAY => {
                let last_stream = octets.try_get_u32();
                let code = octets.try_get_u32();
                let (Ok(last_stream), Ok(code)) = (last_stream, code) else {
                    return Err(self.wrong_length());
                };
                Payload::GoAway {
                    last_stream: last_stream & 0x7fff_ffff,
                    code: ErrorCode(code),
                    debug_data: octets,
                }
            }
            FrameType::WINDOW_UPDATE => {
                let increment = u32::from_be_bytes(self.exactly()?);
                Payload::WindowUpdate(increment & 0x7fff_ffff)
            }
            FrameType::CONTINUATION => Payload::Continuation(octets),
            _ => Payload::Unknown,
        };
        Ok(payload)
    }

    fn exactly<const N: usize>(&self) -> Result<[u8; N], Violation> {
        <[u8; N]>::try_from(&self.payload[..]).map_err(|_| self.wrong_length())
    }

    fn without_padding(&self) -> Result<Bytes, Violation> {
        let mut octets = self.payload.clone();
        if !self.flags.contains(Flags::PADDED) {
            return Ok(octets);
        }
        let Ok(padding) = octets.try_get_u8() else {
            return Err(self.wrong_length());
        };
        // A priority or a promise may not be eaten by the padding either, but
        // then what is left of them has the wrong length.
        let Some(left) = octets.len().checked_sub(padding.into()) else {
            return Err(Violation::PaddingTooLong {
                frame_type: self.frame_type,
                padding,
            });
        };
        octets.truncate(left);
        Ok(octets)
    }

    fn wrong_length(&self) -> Violation {
        Violation::Length(self.frame_type, self.payload.len())
    }
}

impl Priority {
    fn read([a, b, c, d, weight]: [u8; 5]) -> Self {
        let dependency = u32::from_be_bytes([a, b, c, d]);
        Self {
            exclusive: dependency >> 31 == 1,
            dependency: dependency & 0x7fff_ffff,
            weight,
        }
    }

    pub(crate) fn octets(self) -> [u8; 5] {
        let exclusive = if self.exclusive { 1 << 31 } else { 0 };
        let dependency = exclusive | (self.dependency & 0x7fff_ffff);
        let [a, b, c, d] = dependency.to_be_bytes();
        [a, b, c, d, self.weight]
    }
}
