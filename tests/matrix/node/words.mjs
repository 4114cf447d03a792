// What the SDKs' modules share.

export function assert(truth, text) {
  if (!truth) throw new Error(text);
}

export const pngUrl = (base64) => `data:image/png;base64,${base64}`;

/** A failure that the SDK reports as an event of the stream, not as an exception. */
export class StreamFailed extends Error {}
