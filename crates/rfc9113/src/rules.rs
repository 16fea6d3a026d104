//! The rules that a sequence of frames must keep, and what breaking each is
//! called.

use crate::{
    ErrorCode, Flags, Frame, FrameType, Payload, Setting, Settings, hpack,
};

/// Which endpoint sends the frames that are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A client. Its [`PREFACE`](crate::PREFACE) is no frame.
    Client,
    /// A server, to a client that allows no push.
    Server,
}

/// One broken rule of RFC 9113, RFC 7541 or RFC 8441.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// More octets than the reader takes (RFC 9113 §4.2).
    #[error("a frame of {length} octets is over the limit of {limit}")]
    TooBig {
        /// The declared length in octets.
        length: u32,
        /// What the reader takes, in octets.
        limit: u32,
    },
    /// A length that the type does not allow (RFC 9113 §6).
    #[error("a {0} frame of {1} octets")]
    Length(FrameType, usize),
    /// More padding than the payload has room for (RFC 9113 §6.1, §6.2).
    #[error("a {frame_type} frame with {padding} octets of padding, too many")]
    PaddingTooLong {
        /// What the frame is.
        frame_type: FrameType,
        /// The declared octets of padding.
        padding: u8,
    },
    /// Something else before the first SETTINGS (RFC 9113 §3.4).
    #[error("a {0} frame before SETTINGS")]
    NotSettingsFirst(FrameType),
    /// Stream 0 for what belongs to a stream (RFC 9113 §6).
    #[error("a {0} frame on stream 0")]
    OnConnection(FrameType),
    /// A stream for what belongs to the connection (RFC 9113 §6).
    #[error("a {0} frame on stream {1}")]
    OnStream(FrameType, u32),
    /// A field section that is not complete, and something else than the rest
    /// of it (RFC 9113 §4.3).
    #[error("a {0} frame inside the field section of stream {1}")]
    FieldsUnfinished(FrameType, u32),
    /// A CONTINUATION without a field section to continue (RFC 9113 §6.10).
    #[error("a CONTINUATION frame, but no field section is unfinished")]
    NothingToContinue,
    /// A setting with a value that it can't have (RFC 9113 §6.5.2, RFC 8441
    /// §3).
    #[error("{0} is {1}")]
    SettingValue(Setting, u32),
    /// ENABLE_CONNECT_PROTOCOL taken back (RFC 8441 §3).
    #[error("ENABLE_CONNECT_PROTOCOL is 0 and has been 1")]
    ConnectProtocolTakenBack,
    /// A push that the sender may not or can't make (RFC 9113 §6.6, §8.4).
    #[error("a PUSH_PROMISE frame, which was not allowed")]
    Push,
    /// Room for no octet (RFC 9113 §6.9).
    #[error("a WINDOW_UPDATE frame by 0 on stream {0}")]
    NoIncrement(u32),
    /// A field section that can't be read (RFC 9113 §4.3).
    #[error("a field section: {0}")]
    Fields(#[from] hpack::Malformed),
}

impl Violation {
    /// The error code that names this violation (RFC 9113 §7).
    #[must_use]
    pub const fn error_code(&self) -> ErrorCode {
        match self {
            Self::TooBig { .. } | Self::Length(..) => {
                ErrorCode::FRAME_SIZE_ERROR
            }
            Self::SettingValue(Setting::INITIAL_WINDOW_SIZE, _) => {
                ErrorCode::FLOW_CONTROL_ERROR
            }
            // It is no error of the encoder's to say more than one wants.
            Self::Fields(hpack::Malformed::TooMuch { .. }) => {
                ErrorCode::ENHANCE_YOUR_CALM
            }
            Self::Fields(_) => ErrorCode::COMPRESSION_ERROR,
            _ => ErrorCode::PROTOCOL_ERROR,
        }
    }
}

/// Checks a sequence of frames, each when it is complete.
///
/// It knows the connection and not its streams: whether a frame fits the
/// state of its stream, and whether it keeps to the windows, is for who opened
/// them.
#[derive(Clone, Debug)]
pub struct Rules {
    sender: Sender,
    has_begun: bool,
    /// The stream whose field section is not complete.
    unfinished: Option<u32>,
    has_connect_protocol: bool,
}

impl Rules {
    /// The rules for what this endpoint sends, from its SETTINGS on.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        Self {
            sender,
            has_begun: false,
            unfinished: None,
            has_connect_protocol: false,
        }
    }

    /// The stream whose field section is not complete.
    #[must_use]
    pub fn unfinished_fields(&self) -> Option<u32> {
        self.unfinished
    }

    /// Checks a frame and tells what it says.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub fn check(&mut self, frame: &Frame) -> Result<Payload, Violation> {
        let frame_type = frame.frame_type;
        let is_ack = frame.flags.contains(Flags::ACK);
        if !self.has_begun && (frame_type != FrameType::SETTINGS || is_ack) {
            return Err(Violation::NotSettingsFirst(frame_type));
        }
        self.has_begun = true;
        self.check_order(frame)?;
        check_stream(frame)?;
        let payload = frame.read()?;
        match &payload {
            Payload::Settings(settings) => self.check_settings(settings)?,
            Payload::PushPromise { .. } => return Err(Violation::Push),
            Payload::WindowUpdate(0) => {
                return Err(Violation::NoIncrement(frame.stream));
            }
            _ => {}
        }
        Ok(payload)
    }

    fn check_order(&mut self, frame: &Frame) -> Result<(), Violation> {
        let frame_type = frame.frame_type;
        let continues = frame_type == FrameType::CONTINUATION;
        match self.unfinished {
            Some(stream) if !continues || frame.stream != stream => {
                return Err(Violation::FieldsUnfinished(frame_type, stream));
            }
            None if continues => return Err(Violation::NothingToContinue),
            _ => {}
        }
        if continues || frame_type == FrameType::HEADERS {
            let is_complete = frame.flags.contains(Flags::END_HEADERS);
            self.unfinished = (!is_complete).then_some(frame.stream);
        }
        Ok(())
    }

    fn check_settings(&mut self, settings: &Settings) -> Result<(), Violation> {
        for &(setting, value) in settings {
            let pushes = setting == Setting::ENABLE_PUSH
                && value == 1
                && self.sender == Sender::Server;
            if pushes || !setting.may_be(value) {
                return Err(Violation::SettingValue(setting, value));
            }
            if setting == Setting::ENABLE_CONNECT_PROTOCOL {
                if value == 0 && self.has_connect_protocol {
                    return Err(Violation::ConnectProtocolTakenBack);
                }
                self.has_connect_protocol |= value == 1;
            }
        }
        Ok(())
    }
}

fn check_stream(frame: &Frame) -> Result<(), Violation> {
    let Frame {
        frame_type, stream, ..
    } = *frame;
    match frame_type {
        FrameType::DATA
        | FrameType::HEADERS
        | FrameType::PRIORITY
        | FrameType::RST_STREAM
        | FrameType::PUSH_PROMISE
        | FrameType::CONTINUATION
            if stream == 0 =>
        {
            Err(Violation::OnConnection(frame_type))
        }
        FrameType::SETTINGS | FrameType::PING | FrameType::GOAWAY
            if stream != 0 =>
        {
            Err(Violation::OnStream(frame_type, stream))
        }
        _ => Ok(()),
    }
}
