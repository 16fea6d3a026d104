//! The setting: what an endpoint tells the other about itself.

use std::fmt;

/// The identifier of a setting ([RFC 9113 §6.5.2], [RFC 8441 §3]).
///
/// Holds any number.
///
/// [RFC 9113 §6.5.2]: https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2
/// [RFC 8441 §3]: https://www.rfc-editor.org/rfc/rfc8441#section-3
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Setting(pub u16);

/// The settings of one frame, in their order; the same may occur twice.
pub type Settings = Vec<(Setting, u32)>;

/// The settings with their names, in one place.
macro_rules! registered {
    ($($(#[$doc:meta])+ $id:literal $name:ident,)+) => {
        impl Setting {
            $($(#[$doc])+ pub const $name: Self = Self($id);)+

            /// The name without `SETTINGS_`; `None` for any other number.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($id => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

registered! {
    /// The octets of the dynamic table that the reader of fields keeps.
    0x1 HEADER_TABLE_SIZE,
    /// Whether a server may push; 0 or 1.
    0x2 ENABLE_PUSH,
    /// The streams that the peer may have open at a time.
    0x3 MAX_CONCURRENT_STREAMS,
    /// The octets of DATA that a new stream may be sent; below 2^31.
    0x4 INITIAL_WINDOW_SIZE,
    /// The octets of the largest payload that is taken; 2^14 to 2^24 - 1.
    0x5 MAX_FRAME_SIZE,
    /// The octets of the largest field section that is taken; an advice.
    0x6 MAX_HEADER_LIST_SIZE,
    /// Whether a CONNECT may name a protocol, such as websocket; 0 or 1.
    0x8 ENABLE_CONNECT_PROTOCOL,
    /// Whether the priorities of RFC 7540 are passed over (RFC 9218); 0 or 1.
    0x9 NO_RFC7540_PRIORITIES,
}

impl Setting {
    /// What holds until the first SETTINGS; `None` where there is no limit or
    /// the setting has no meaning here.
    #[must_use]
    pub const fn initial(self) -> Option<u32> {
        match self {
            Self::HEADER_TABLE_SIZE => Some(4096),
            Self::ENABLE_PUSH => Some(1),
            Self::INITIAL_WINDOW_SIZE => Some(65_535),
            Self::MAX_FRAME_SIZE => Some(16_384),
            Self::ENABLE_CONNECT_PROTOCOL | Self::NO_RFC7540_PRIORITIES => {
                Some(0)
            }
            _ => None,
        }
    }

    /// Whether the setting may have this value; an unknown one may have any.
    #[must_use]
    pub const fn may_be(self, value: u32) -> bool {
        match self {
            Self::ENABLE_PUSH
            | Self::ENABLE_CONNECT_PROTOCOL
            | Self::NO_RFC7540_PRIORITIES => value <= 1,
            Self::INITIAL_WINDOW_SIZE => value <= 0x7fff_ffff,
            Self::MAX_FRAME_SIZE => matches!(value, 0x4000..=0xff_ffff),
            _ => true,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "SETTING 0x{:x}", self.0),
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
