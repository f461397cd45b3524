// Verifies a running log with programs that Edict's authors did not write: golang.org/x/mod/sumdb/note and tlog.
//
//	verify URL TOKEN [OLD-CHECKPOINT-FILE]
//
// Prints a line of JSON; exits 1 with a message on the first thing that does not fit.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var base, token string

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}

func get(path string) []byte {
	for try := 0; ; try++ {
		request, err := http.NewRequest("GET", base+path, nil)
		if err != nil {
			fail("%v", err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			fail("%v", err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			fail("%s: %v", path, err)
		}
		if answer.StatusCode == 503 && try < 100 {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if answer.StatusCode != 200 {
			fail("%s: %d %s", path, answer.StatusCode, body)
		}
		return body
	}
}

type tree struct {
	size int64
	root tlog.Hash
}

func hashOf(raw []byte) (hash tlog.Hash) {
	copy(hash[:], raw)
	return hash
}

func parseCheckpoint(text string, origin string) (tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != origin {
		return tree{}, fmt.Errorf("not a checkpoint of %s: %q", origin, text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tree{}, err
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tree{}, fmt.Errorf("root hash %q", lines[2])
	}
	return tree{size, hashOf(root)}, nil
}

func open(bytes []byte, verifier note.Verifier) (tree, error) {
	opened, err := note.Open(bytes, note.VerifierList(verifier))
	if err != nil {
		return tree{}, err
	}
	// The package reads base64 with bits to spare; here one signature has one spelling.
	if len(opened.Sigs) != 1 {
		return tree{}, fmt.Errorf("%d signatures", len(opened.Sigs))
	}
	if _, err := base64.StdEncoding.Strict().DecodeString(opened.Sigs[0].Base64); err != nil {
		return tree{}, err
	}
	return parseCheckpoint(opened.Text, verifier.Name())
}

func hashes(lines []string) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, line := range lines {
		raw, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(raw) != tlog.HashSize {
			return nil, fmt.Errorf("hash %q", line)
		}
		out = append(out, hashOf(raw))
	}
	return out, nil
}

// checkProofFile is a C2SP tlog-proof of `record`.
func checkProofFile(file, record []byte, verifier note.Verifier) error {
	head, checkpoint, found := strings.Cut(string(file), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return fmt.Errorf("not a proof file")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	proof, err := hashes(lines[2:])
	if err != nil {
		return err
	}
	at, err := open([]byte(checkpoint), verifier)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, at.size, at.root, index, tlog.RecordHash(record))
}

// tileReader reads C2SP paths: those of Go without the height.
type tileReader struct{}

func (reader tileReader) Height() int                             { return 8 }
func (reader tileReader) SaveTiles(tiles []tlog.Tile, _ [][]byte) {}
func (reader tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range tiles {
		out = append(out, get("/v1/ledger/"+strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
	}
	return out, nil
}

func bundle(number, size int64) [][]byte {
	width := size - number*256
	if width > 256 {
		width = 256
	}
	path := strings.Replace(tlog.Tile{H: 8, L: 0, N: number, W: int(width)}.Path(), "tile/8/0/", "tile/entries/", 1)
	data := get("/v1/ledger/" + path)
	var records [][]byte
	for len(data) > 0 {
		length := int(binary.BigEndian.Uint16(data))
		records = append(records, data[2:2+length])
		data = data[2+length:]
	}
	if int64(len(records)) != width {
		fail("bundle %d has %d records, not %d", number, len(records), width)
	}
	return records
}

func flipped(data []byte, at int) []byte {
	changed := append([]byte(nil), data...)
	changed[at] ^= 1
	return changed
}

func tileRoot(tile []byte) []byte {
	var level []tlog.Hash
	for at := 0; at < len(tile); at += tlog.HashSize {
		level = append(level, hashOf(tile[at:at+tlog.HashSize]))
	}
	for len(level) > 1 {
		for i := 0; i < len(level)/2; i++ {
			level[i] = tlog.NodeHash(level[2*i], level[2*i+1])
		}
		level = level[:len(level)/2]
	}
	return level[0][:]
}

func treeRoot(leaves []tlog.Hash) tlog.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	half := 1
	for half*2 < len(leaves) {
		half *= 2
	}
	return tlog.NodeHash(treeRoot(leaves[:half]), treeRoot(leaves[half:]))
}

// splitBundle gives the records of an entry bundle of that many.
func splitBundle(data []byte, count int) ([][]byte, bool) {
	var records [][]byte
	for len(data) >= 2 {
		end := 2 + int(binary.BigEndian.Uint16(data))
		if end > len(data) {
			return nil, false
		}
		records = append(records, data[2:end])
		data = data[end:]
	}
	return records, len(data) == 0 && len(records) == count
}

// checkPartial changes every byte of the last, partial tile and of its bundle: the signed root, or the tile, has to show it.
func checkPartial(records [][]byte, now tree) {
	var leaves []tlog.Hash
	for _, record := range records {
		leaves = append(leaves, tlog.RecordHash(record))
	}
	first := len(leaves) / 256 * 256
	path := strings.Replace(tlog.Tile{H: 8, L: 0, N: now.size / 256, W: int(now.size % 256)}.Path(), "tile/8/", "tile/", 1)
	tile := get("/v1/ledger/" + path)
	for at := -1; at < len(tile); at++ {
		data := tile
		if at >= 0 {
			data = flipped(tile, at)
		}
		for i := first; i < len(leaves); i++ {
			leaves[i] = hashOf(data[32*(i-first):])
		}
		if (treeRoot(leaves) == now.root) != (at < 0) {
			fail("byte %d of a partial tile can be changed", at)
		}
	}
	bundle := get("/v1/ledger/" + strings.Replace(path, "tile/0/", "tile/entries/", 1))
	for at := range bundle {
		changed, whole := splitBundle(flipped(bundle, at), len(leaves)-first)
		for i := 0; whole && i < len(changed); i++ {
			whole = bytes.Equal(changed[i], records[first+i]) || tlog.RecordHash(changed[i]) == hashOf(tile[32*i:])
		}
		if whole {
			fail("byte %d of a bundle can be changed", at)
		}
	}
}

func main() {
	base, token = os.Args[1], os.Args[2]
	verifier, err := note.NewVerifier(strings.TrimSpace(string(get("/v1/ledger/key"))))
	if err != nil {
		fail("key: %v", err)
	}
	signed := get("/v1/ledger/checkpoint")
	now, err := open(signed, verifier)
	if err != nil {
		fail("checkpoint: %v", err)
	}
	for at := range signed {
		if _, err := open(flipped(signed, at), verifier); err == nil {
			fail("byte %d of the checkpoint can be changed", at)
		}
	}

	// The whole tree, from its tiles and from its entries.
	reader := tlog.TileHashReader(tlog.Tree{N: now.size, Hash: now.root}, tileReader{})
	root, err := tlog.TreeHash(now.size, reader)
	if err != nil || root != now.root {
		fail("tiles: %v", err)
	}
	var records [][]byte
	for number := int64(0); number*256 < now.size; number++ {
		records = append(records, bundle(number, now.size)...)
	}
	var stored []tlog.Hash
	for index, record := range records {
		more, err := tlog.StoredHashes(int64(index), record, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			var out []tlog.Hash
			for _, at := range indexes {
				out = append(out, stored[at])
			}
			return out, nil
		}))
		if err != nil {
			fail("entry %d: %v", index, err)
		}
		stored = append(stored, more...)
	}
	root, err = tlog.TreeHash(now.size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, at := range indexes {
			out = append(out, stored[at])
		}
		return out, nil
	}))
	if err != nil || root != now.root {
		fail("the entries do not have the signed root: %v", err)
	}

	// Proof files; every byte of one, and of its record.
	step := now.size/40 + 1
	for index := int64(0); index < now.size; index += step {
		record := get(fmt.Sprintf("/v1/ledger/entries/%d", index))
		if !bytes.Equal(record, records[index]) {
			fail("entry %d differs from its bundle", index)
		}
		if err := checkProofFile(get(fmt.Sprintf("/v1/ledger/entries/%d/proof", index)), record, verifier); err != nil {
			fail("proof of %d: %v", index, err)
		}
	}
	last := now.size - 1
	file := get(fmt.Sprintf("/v1/ledger/entries/%d/proof", last))
	for at := range file {
		if checkProofFile(flipped(file, at), records[last], verifier) == nil {
			fail("byte %d of a proof can be changed", at)
		}
	}
	for at := range records[last] {
		if checkProofFile(file, flipped(records[last], at), verifier) == nil {
			fail("byte %d of a record can be changed", at)
		}
	}
	// Every byte of a full tile: its root is a hash of the tile above. (TileHashReader of golang.org/x/mod 0.7.0 does not look at
	// each tile when several are read at once.)
	if now.size >= 256 {
		tile, above := get("/v1/ledger/tile/0/000"), get("/v1/ledger/tile/1/000.p/1")
		if !bytes.Equal(tileRoot(tile), above) {
			fail("tile 0/000 does not have the root that tile 1/000 names")
		}
		for at := range tile {
			if bytes.Equal(tileRoot(flipped(tile, at)), above) {
				fail("byte %d of a tile can be changed", at)
			}
		}
	}

	if now.size%256 > 0 {
		checkPartial(records, now)
	}

	// An earlier checkpoint is a beginning of this one.
	consistent := false
	if len(os.Args) > 3 {
		kept, err := os.ReadFile(os.Args[3])
		if err != nil {
			fail("%v", err)
		}
		old, err := open(kept, verifier)
		if err != nil {
			fail("old checkpoint: %v", err)
		}
		head, checkpoint, _ := strings.Cut(string(get(fmt.Sprintf("/v1/ledger/consistency?from=%d", old.size))), "\n\n")
		at, err := open([]byte(checkpoint), verifier)
		if err != nil {
			fail("consistency: %v", err)
		}
		proof, err := hashes(strings.Split(head, "\n")[1:])
		if err != nil {
			fail("consistency: %v", err)
		}
		if err := tlog.CheckTree(proof, at.size, at.root, old.size, old.root); err != nil {
			fail("consistency: %v", err)
		}
		consistent = true
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{"origin": verifier.Name(), "size": now.size, "consistent": consistent})
}
