//! What a picture costs: its size from the front of its file, and the formulas of the makers' guides.

use base64::{Engine, engine::general_purpose::STANDARD};

/// How a family of models charges for pictures; sizes in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    /// By area, shrunk to a longest edge first (Anthropic's guide to vision: `width * height / 750`).
    Area { edge: u64, per_token: u64, most: u64 },
    /// By squares of 512 after fitting into 2048 x 2048 with a short edge of 768 (OpenAI's guide to images and vision).
    Tiles { base: u64, tile: u64 },
    /// By patches of 32 x 32, 1536 at most, times thousandths (the same guide).
    Patches { thousandths: u64 },
    /// So much each, whatever the size.
    Each(u64),
    /// 258 for each crop of two thirds of the short edge, one for small pictures (Google's guides to image understanding).
    Crops,
}

/// What a picture costs whose size is not known, in tokens: between small and large ones.
pub(super) const UNKNOWN: u64 = 1000;
/// Most base64 of a file in which its size is looked for: the front of a photo with all that a camera says about it.
const MAX_FRONT: usize = 256 << 10;

impl Picture {
    /// About how many tokens a picture of `size` (width and height) is; `is_coarse` if the client asked for a low level of
    /// detail.
    pub(super) fn tokens(self, size: Option<(u32, u32)>, is_coarse: bool) -> u64 {
        match (self, size.map(|(width, height)| (u64::from(width), u64::from(height)))) {
            (Self::Each(tokens), _) => tokens,
            (Self::Tiles { base, .. }, _) if is_coarse => base,
            (_, None | Some((0, _) | (_, 0))) => UNKNOWN,
            (Self::Area { edge, per_token, most }, Some(size)) => {
                let (width, height) = shrunk(size, size.0.max(size.1), edge);
                (width * height).div_ceil(per_token).min(most)
            }
            (Self::Tiles { base, tile }, Some(size)) => {
                let size = shrunk(size, size.0.max(size.1), 2048);
                let (width, height) = shrunk(size, size.0.min(size.1), 768);
                base + tile * width.div_ceil(512) * height.div_ceil(512)
            }
            (Self::Patches { thousandths }, Some((width, height))) => {
                let patches = width.div_ceil(32) * height.div_ceil(32);
                (patches.min(1536) * thousandths).div_ceil(1000)
            }
            (Self::Crops, Some((width, height))) if width <= 384 && height <= 384 => 258,
            (Self::Crops, Some((width, height))) => {
                let crop = (width.min(height) * 2 / 3).clamp(256, 768);
                258 * width.div_ceil(crop) * height.div_ceil(crop)
            }
        }
    }
}

/// `size` shrunk so that the edge that measures `from` measures `to`; smaller ones stay.
fn shrunk((width, height): (u64, u64), from: u64, to: u64) -> (u64, u64) {
    if from <= to { (width, height) } else { ((width * to / from).max(1), (height * to / from).max(1)) }
}

/// Width and height of the picture in `base64`, as far as its front tells: PNG, GIF, WebP, JPEG.
pub(super) fn size(base64: &str) -> Option<(u32, u32)> {
    let front = base64.get(..base64.len().min(MAX_FRONT) / 4 * 4)?;
    // Most formats say their size at once; a JPEG says it behind what the camera wrote.
    let start = STANDARD.decode(front.get(..front.len().min(64))?).ok()?;
    let le = |at: usize| Some(u32::from(u16::from_le_bytes(start.get(at..at + 2)?.try_into().ok()?)));
    let word = |at: usize| Some(u32::from_be_bytes(start.get(at..at + 4)?.try_into().ok()?));
    match *start.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => Some((word(16)?, word(20)?)),
        [b'G', b'I', b'F', b'8', ..] => Some((le(6)?, le(8)?)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', b'V', b'P', b'8', kind, ..] => {
            match kind {
                b'X' => {
                    let three = |at: usize| Some(le(at)? | u32::from(*start.get(at + 2)?) << 16);
                    Some((three(24)? + 1, three(27)? + 1))
                }
                b'L' => {
                    let bits = le(21)? | le(23)? << 16;
                    Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
                }
                _ => Some((le(26)? & 0x3fff, le(28)? & 0x3fff)),
            }
        }
        [0xff, 0xd8, ..] => jpeg(&STANDARD.decode(front).ok()?),
        _ => None,
    }
}

/// The size in the first frame header of a JPEG (ITU-T T.81, B.2.2); each segment says its own length.
fn jpeg(file: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let [0xff, marker, high, low, ..] = *file.get(at..)? else { return None };
        let number = |place: usize| {
            Some(u32::from(u16::from_be_bytes(file.get(at + place..at + place + 2)?.try_into().ok()?)))
        };
        match marker {
            // Filled up.
            0xff => at += 1,
            // Frame headers; the three numbers left out are tables.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => return Some((number(7)?, number(5)?)),
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_size(front: &[u8], expect: Option<(u32, u32)>) {
        let file = [front, &[0; 60]].concat();
        assert_eq!(size(&STANDARD.encode(file)), expect, "{front:02x?}");
        for cut in 0..front.len() {
            let _ = size(&STANDARD.encode(&front[..cut]));
        }
    }

    #[test]
    fn the_front_of_a_file_tells_the_size() {
        check_size(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x03\0", Some((1024, 768)));
        check_size(b"GIF89a\x40\x01\xf0\0", Some((320, 240)));
        check_size(b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\x30\x01\0\x9d\x01\x2a\x80\x02\xe0\x01", Some((640, 480)));
        check_size(b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x7f\xc2\x77\0", Some((640, 480)));
        check_size(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0", Some((640, 480)));
        check_size(
            b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc4\0\x02\xff\xc2\0\x0b\x08\x01\xe0\x02\x80",
            Some((640, 480)),
        );
        check_size(b"\xff\xd8\xff\xe0\xff\xff", None);
        check_size(b"\xff\xd8\xff\xe0\0\0\0\0", None);
        check_size(b"BM", None);
        assert_eq!(size("not base64!"), None);
        assert_eq!(size("\u{e9}\u{e9}\u{e9}"), None);
        assert_eq!(size(""), None);
    }

    #[track_caller]
    fn check(picture: Picture, size: (u32, u32), expect: u64) {
        assert_eq!(picture.tokens(Some(size), false), expect, "{picture:?} of {size:?}");
    }

    /// The examples of the makers' guides.
    #[test]
    fn the_formulas_are_the_guides_own() {
        let area = Picture::Area { edge: 1568, per_token: 750, most: 1600 };
        check(area, (200, 200), 54);
        check(area, (1000, 1000), 1334);
        check(area, (1092, 1092), 1590);
        check(area, (4000, 4000), 1600);
        let tiles = Picture::Tiles { base: 85, tile: 170 };
        check(tiles, (1024, 1024), 765);
        check(tiles, (2048, 4096), 1105);
        assert_eq!(tiles.tokens(Some((4096, 8192)), true), 85);
        check(Picture::Patches { thousandths: 1000 }, (1024, 1024), 1024);
        check(Picture::Patches { thousandths: 1620 }, (8000, 8000), 2489);
        check(Picture::Crops, (384, 384), 258);
        check(Picture::Crops, (960, 540), 6 * 258);
    }

    #[test]
    fn no_size_is_too_odd() {
        for picture in [
            Picture::Area { edge: 1568, per_token: 750, most: 1600 },
            Picture::Tiles { base: 85, tile: 170 },
            Picture::Patches { thousandths: 2460 },
            Picture::Each(1120),
            Picture::Crops,
        ] {
            for size in [(0, 0), (0, 5), (1, 1), (1, u32::MAX), (u32::MAX, u32::MAX)] {
                assert!(picture.tokens(Some(size), false) > 0, "{picture:?} of {size:?}");
            }
            assert!(picture.tokens(None, false) >= UNKNOWN);
        }
    }
}
