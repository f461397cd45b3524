// Verifies an archive's files with programs that Edict's authors did not write: golang.org/x/mod/sumdb/note and tlog.
//
//	verify DIR
//
// Prints a line of JSON; exits 1 with a message on the first thing that does not fit.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var folder string

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}

func read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		fail("%v", err)
	}
	return data
}

// tileReader reads C2SP paths: those of Go without the height.
type tileReader struct{}

func (reader tileReader) Height() int                             { return 8 }
func (reader tileReader) SaveTiles(tiles []tlog.Tile, _ [][]byte) {}
func (reader tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range tiles {
		out = append(out, read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
	}
	return out, nil
}

func bundle(number int64) [][]byte {
	data := read(strings.Replace(tlog.Tile{H: 8, L: 0, N: number, W: 256}.Path(), "tile/8/0/", "tile/entries/", 1))
	var records [][]byte
	for len(data) > 0 {
		length := int(binary.BigEndian.Uint16(data))
		records = append(records, data[2:2+length])
		data = data[2+length:]
	}
	if len(records) != 256 {
		fail("bundle %d has %d records", number, len(records))
	}
	return records
}

func main() {
	folder = os.Args[1]
	var manifest struct{ From, To int64 }
	if err := json.Unmarshal(read("archive.json"), &manifest); err != nil {
		fail("%v", err)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(read("ledger.vkey"))))
	if err != nil {
		fail("key: %v", err)
	}
	opened, err := note.Open(read("checkpoint"), note.VerifierList(verifier))
	if err != nil {
		fail("checkpoint: %v", err)
	}
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || lines[0] != verifier.Name() || size != manifest.To {
		fail("checkpoint: %q", opened.Text)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil {
		fail("root: %v", err)
	}
	var root tlog.Hash
	copy(root[:], raw)

	// Every entry of the range is proved to be in the tree, from the tiles that are here.
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tileReader{})
	for number := manifest.From / 256; number < manifest.To/256; number++ {
		for i, record := range bundle(number) {
			index := number*256 + int64(i)
			proof, err := tlog.ProveRecord(size, index, reader)
			if err != nil {
				fail("entry %d: %v", index, err)
			}
			if err := tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(record)); err != nil {
				fail("entry %d: %v", index, err)
			}
		}
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{"origin": verifier.Name(), "from": manifest.From, "to": manifest.To})
}
