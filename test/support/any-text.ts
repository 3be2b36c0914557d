import fc from "fast-check";

/**
 * Text of any code points, halves of pairs included. As `unit: "binary"` gives it, which takes a second of a processor to begin with.
 */
export function anyText(size: Omit<fc.StringConstraints, "unit"> = {}): fc.Arbitrary<string> {
  const unit = fc.nat(0x10_ff_ff).map((point) => String.fromCodePoint(point));
  return fc.string({ ...size, unit });
}
