//! The colours of the test picture, written down once more: what is seen must be one of them.

/// The flat colours of the lower-left corner (`lanlens_media::pattern`), one for each camera.
const COLOURS: [[u8; 3]; 8] = [
    [52, 120, 210],
    [214, 110, 40],
    [62, 158, 70],
    [170, 70, 180],
    [205, 56, 72],
    [40, 168, 170],
    [200, 170, 50],
    [120, 120, 128],
];
/// What encoding and scaling may do to a flat colour: less than swapping two of its channels does.
const OFF_MAX: f64 = 6.0;

/// The number of the colour that was seen, as it is.
pub fn color(seen: [u8; 3]) -> Option<usize> {
    COLOURS.iter().position(|colour| off(seen, *colour, 1.0) <= OFF_MAX)
}

/// The number of the colour that was seen through a black shade that takes away up to `shade_max`
/// of its light (0 to 1): its hue must be right all the same.
pub fn shaded_color(seen: [u8; 3], shade_max: f64) -> Option<usize> {
    COLOURS.iter().position(|colour| {
        let light = sum(seen) / sum(*colour);
        (1.0 - shade_max..=1.05).contains(&light) && off(seen, *colour, light) <= OFF_MAX
    })
}

fn sum(colour: [u8; 3]) -> f64 {
    colour.map(f64::from).iter().sum()
}

/// The largest difference of a channel.
fn off(seen: [u8; 3], colour: [u8; 3], light: f64) -> f64 {
    let channels = seen.into_iter().zip(colour);
    channels.map(|(s, c)| (f64::from(s) - f64::from(c) * light).abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shade_does_not_change_which_colour_is_seen() {
        for (number, colour) in COLOURS.into_iter().enumerate() {
            assert_eq!(color(colour), Some(number));
            let shaded = colour.map(|channel| (f64::from(channel) * 0.7) as u8);
            assert_eq!(shaded_color(shaded, 0.5), Some(number));
        }
    }

    #[test]
    fn a_colour_with_swapped_channels_is_none_of_the_picture() {
        for [red, green, blue] in COLOURS {
            assert_eq!(shaded_color([blue, green, red], 0.5), None);
            assert_eq!(color([blue, green, red]), None);
        }
        assert_eq!(shaded_color([0, 0, 0], 0.5), None);
    }
}
