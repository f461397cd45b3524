// Checkpoints and inclusion proofs through npm's @sigstore/verify, which Edict's authors did not write: node verify.mjs < JSON.
// Input: { key, proofs: [{ record (base64), file }] }. Prints a line of JSON; ends with 1 and a message on what does not fit.
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import checkpoints from "@sigstore/verify/dist/tlog/checkpoint.js";
import merkle from "@sigstore/verify/dist/tlog/merkle.js";

const SPKI_ED25519 = Buffer.from("302a300506032b6570032100", "hex"); // RFC 8410: what precedes the 32 bytes

function fail(message) {
  console.error(message);
  process.exit(1);
}

function logOf(vkey) {
  const [name, id, key] = vkey.split(/\+(.*?)\+(.*)/s);
  const raw = Buffer.from(key, "base64");
  if (raw.length !== 33 || raw[0] !== 1) fail("not an Ed25519 verifier key");
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_ED25519, raw.subarray(1)]), format: "der", type: "spki" });
  return { logID: Buffer.from(id, "hex"), baseURL: name, publicKey };
}

function parse(file) {
  const split = file.indexOf("\n\n");
  const [first, index, ...hashes] = file.slice(0, split).split("\n");
  if (first !== "c2sp.org/tlog-proof@v1" || !index.startsWith("index ")) fail("not a proof file");
  return { index: index.slice(6), hashes: hashes.map((hash) => Buffer.from(hash, "base64")), checkpoint: file.slice(split + 2) };
}

function verify(log, record, index, hashes, envelope) {
  const entry = { canonicalizedBody: record, inclusionProof: { logIndex: index, hashes, checkpoint: { envelope } } };
  const checkpoint = checkpoints.verifyCheckpoint(entry, [log]);
  merkle.verifyMerkleInclusion(entry, checkpoint);
  return checkpoint;
}

let refused = 0;
function mustFail(what, ...words) {
  try {
    verify(...words);
  } catch {
    refused++;
    return;
  }
  fail(`${what} can be changed`);
}

function flipped(buffer, at) {
  const copy = Buffer.from(buffer);
  copy[at] ^= 1;
  return copy;
}

const input = JSON.parse(readFileSync(0, "utf8"));
const log = logOf(input.key.trim());
let size;
for (const { record, file } of input.proofs) {
  const bytes = Buffer.from(record, "base64");
  const { index, hashes, checkpoint } = parse(file);
  size = verify(log, bytes, index, hashes, checkpoint).logSize;
}

// Every byte of the last one: of the record, of the hashes, of what is signed, of the key; and another index.
const { record, file } = input.proofs.at(-1);
const bytes = Buffer.from(record, "base64");
const { index, hashes, checkpoint } = parse(file);
for (let at = 0; at < bytes.length; at++) mustFail(`byte ${at} of the record`, log, flipped(bytes, at), index, hashes, checkpoint);
for (let i = 0; i < hashes.length; i++)
  for (let at = 0; at < 32; at++)
    mustFail(`byte ${at} of hash ${i}`, log, bytes, index, hashes.with(i, flipped(hashes[i], at)), checkpoint);
const note = Buffer.from(checkpoint);
for (let at = 0; at < note.indexOf("\n\n") + 1; at++)
  mustFail(`byte ${at} of the checkpoint`, log, bytes, index, hashes, flipped(note, at).toString("utf8"));
mustFail("the index", log, bytes, String(Number(index) + 1), hashes, checkpoint);
mustFail("the number of hashes", log, bytes, index, hashes.slice(1), checkpoint);
mustFail("the key", { ...log, logID: flipped(log.logID, 0) }, bytes, index, hashes, checkpoint);
console.log(JSON.stringify({ proofs: input.proofs.length, size: String(size), refused }));
