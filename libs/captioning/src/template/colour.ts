/** The eleven basic colour terms of English (Berlin & Kay 1969). */
export const COLOUR_NAMES = [
  'black',
  'white',
  'grey',
  'red',
  'orange',
  'brown',
  'yellow',
  'green',
  'blue',
  'purple',
  'pink',
] as const;
export type ColourName = (typeof COLOUR_NAMES)[number];

const [BLACK, WHITE, GREY, RED, ORANGE, BROWN, YELLOW, GREEN, BLUE, PURPLE, PINK] = COLOUR_NAMES.keys();

/**
 * Index into {@link COLOUR_NAMES} of an 8-bit sRGB colour, by hue, chroma and lightness (HSL). Dull and dark oranges
 * are brown, light reds are pink, and whatever has too little chroma to show its hue is black, grey or white.
 */
export function colourIndex(red: number, green: number, blue: number): number {
  const greatest = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  const chroma = greatest - least;
  const lightness = (greatest + least) / 2;
  if (greatest < 48) return BLACK;
  if (chroma < 26 || (chroma < 60 && chroma < greatest * 0.22)) {
    return lightness < 64 ? BLACK : lightness > 196 ? WHITE : GREY;
  }
  let hue: number;
  if (greatest === red) hue = ((green - blue) / chroma) * 60;
  else if (greatest === green) hue = ((blue - red) / chroma) * 60 + 120;
  else hue = ((red - green) / chroma) * 60 + 240;
  if (hue < 0) hue += 360;

  if (hue < 16 || hue >= 346) return lightness > 170 ? PINK : RED;
  if (hue < 46) return greatest < 180 || chroma < greatest * 0.45 ? BROWN : ORANGE;
  if (hue < 68) return greatest < 110 ? BROWN : YELLOW;
  if (hue < 165) return GREEN;
  if (hue < 258) return BLUE;
  if (hue < 300) return PURPLE;
  return lightness > 120 ? PINK : PURPLE;
}
