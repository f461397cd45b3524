// A small witness (C2SP tlog-witness) for tests, on other people's code: golang.org/x/mod/sumdb/note and tlog.
//
//	witness -listen ADDR -state DIR -name NAME -logs FILE [-fault FILE]
//
// FILE of -logs holds the verifier keys of the logs that it knows, one a line; it is read again for every request, and so is that of
// -fault, which may name a way to misbehave. State and key survive in DIR. Prints a line of JSON when it listens.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const cosignatureType = 4

type head struct {
	Size int64
	Hash tlog.Hash
}

type witness struct {
	mutex             sync.Mutex
	name, state, logs string
	fault             string
	key, wrongKey     ed25519.PrivateKey
}

type refusal struct {
	status int
	text   string
}

func refuse(status int, format string, arguments ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, arguments...)}
}

func keyID(name string, public ed25519.PublicKey) []byte {
	sum := sha256.Sum256(append([]byte(name+"\n"+string(rune(cosignatureType))), public...))
	return sum[:4]
}

func vkey(name string, key ed25519.PrivateKey) string {
	public := key.Public().(ed25519.PublicKey)
	return fmt.Sprintf("%s+%x+%s", name, keyID(name, public), base64.StdEncoding.EncodeToString(append([]byte{cosignatureType}, public...)))
}

// cosign is the signature line of tlog-cosignature over the note's text.
func cosign(name string, key ed25519.PrivateKey, id []byte, text string, when uint64) string {
	signature := ed25519.Sign(key, []byte(fmt.Sprintf("cosignature/v1\ntime %d\n%s", when, text)))
	blob := binary.BigEndian.AppendUint64(append([]byte(nil), id...), when)
	return "\u2014 " + name + " " + base64.StdEncoding.EncodeToString(append(blob, signature...)) + "\n"
}

func (w *witness) knownLogs() ([]note.Verifier, error) {
	data, err := os.ReadFile(w.logs)
	if err != nil {
		return nil, err
	}
	var known []note.Verifier
	for _, line := range strings.Fields(string(data)) {
		verifier, err := note.NewVerifier(line)
		if err != nil {
			return nil, err
		}
		known = append(known, verifier)
	}
	return known, nil
}

func (w *witness) path(origin string) string {
	return filepath.Join(w.state, fmt.Sprintf("%x.json", sha256.Sum256([]byte(origin))))
}

func (w *witness) load(origin string) (at head, err error) {
	data, err := os.ReadFile(w.path(origin))
	if errors.Is(err, os.ErrNotExist) {
		return at, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &at)
	}
	return at, err
}

func (w *witness) save(origin string, at head) error {
	data, err := json.Marshal(at)
	if err != nil {
		return err
	}
	if err := os.WriteFile(w.path(origin)+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(w.path(origin)+".new", w.path(origin))
}

func parseHash(text string) (hash tlog.Hash, err error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != tlog.HashSize {
		return hash, fmt.Errorf("hash %q", text)
	}
	copy(hash[:], raw)
	return hash, nil
}

func parseSize(text string) (int64, error) {
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != text {
		return 0, fmt.Errorf("size %q", text)
	}
	return size, nil
}

type request struct {
	old   int64
	proof tlog.TreeProof
	note  string
}

func parseRequest(body string) (out request, err error) {
	lines, checkpoint, found := strings.Cut(body, "\n\n")
	if !found {
		return out, errors.New("no empty line")
	}
	first, rest, more := strings.Cut(lines, "\n")
	if !strings.HasPrefix(first, "old ") {
		return out, errors.New("no old size")
	}
	if out.old, err = parseSize(strings.TrimPrefix(first, "old ")); err != nil {
		return out, err
	}
	for _, line := range strings.Split(rest, "\n") {
		if !more {
			break
		}
		hash, err := parseHash(line)
		if err != nil {
			return out, err
		}
		out.proof = append(out.proof, hash)
	}
	if len(out.proof) > 63 {
		return out, errors.New("too many hashes")
	}
	out.note = checkpoint
	return out, nil
}

func (w *witness) open(signed string) (text, origin string, at head, bad *refusal) {
	known, err := w.knownLogs()
	if err != nil {
		return "", "", at, refuse(500, "%v", err)
	}
	origin, _, _ = strings.Cut(signed, "\n")
	trusted := false
	for _, verifier := range known {
		trusted = trusted || verifier.Name() == origin
	}
	if !trusted {
		return "", "", at, refuse(404, "unknown log %q", origin)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(known...))
	if err != nil || opened.Sigs[0].Name != origin {
		return "", "", at, refuse(403, "not signed by the log: %v", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return "", "", at, refuse(400, "not a checkpoint: %q", opened.Text)
	}
	if at.Size, err = parseSize(lines[1]); err != nil {
		return "", "", at, refuse(400, "%v", err)
	}
	if at.Hash, err = parseHash(lines[2]); err != nil {
		return "", "", at, refuse(400, "%v", err)
	}
	return opened.Text, origin, at, nil
}

func consistent(asked request, last, now head) bool {
	switch {
	case asked.old == 0:
		return len(asked.proof) == 0
	case asked.old == now.Size:
		return len(asked.proof) == 0 && last.Hash == now.Hash
	}
	return tlog.CheckTree(asked.proof, now.Size, now.Hash, last.Size, last.Hash) == nil
}

// add does what add-checkpoint of the specification says, in its order, and gives the text to cosign.
func (w *witness) add(body string) (text string, last head, bad *refusal) {
	asked, err := parseRequest(body)
	if err != nil {
		return "", last, refuse(400, "%v", err)
	}
	text, origin, now, bad := w.open(asked.note)
	if bad != nil {
		return "", last, bad
	}
	if asked.old > now.Size {
		return "", last, refuse(400, "old %d is larger than %d", asked.old, now.Size)
	}
	if last, err = w.load(origin); err != nil {
		return "", last, refuse(500, "%v", err)
	}
	if asked.old != last.Size {
		return "", last, refuse(409, "")
	}
	if !consistent(asked, last, now) {
		return "", last, refuse(422, "the proof does not fit")
	}
	if err := w.save(origin, now); err != nil {
		return "", last, refuse(500, "%v", err)
	}
	return text, last, nil
}

func (w *witness) readFault() string {
	data, _ := os.ReadFile(w.fault)
	return strings.TrimSpace(string(data))
}

// misbehave answers in the named way; false where the fault is about the cosignature only.
func misbehave(out http.ResponseWriter, in *http.Request, fault string) bool {
	switch fault {
	case "garbage":
		fmt.Fprint(out, "\x00\xff this is no signature\n")
	case "empty":
	case "500":
		http.Error(out, "broken", 500)
	case "404":
		http.Error(out, "never heard of it", 404)
	case "redirect":
		http.Redirect(out, in, "/elsewhere/add-checkpoint", 307)
	case "large":
		fmt.Fprint(out, strings.Repeat("\u2014 x y\n", 1<<20))
	case "hang":
		<-in.Context().Done()
	case "close":
		panic(http.ErrAbortHandler)
	case "409-text":
		out.Header().Set("Content-Type", "text/x.tlog.size")
		out.WriteHeader(409)
		fmt.Fprint(out, "many\n")
	case "409-zero":
		out.Header().Set("Content-Type", "text/x.tlog.size")
		out.WriteHeader(409)
		fmt.Fprint(out, "0\n")
	case "409-huge":
		out.Header().Set("Content-Type", "text/x.tlog.size")
		out.WriteHeader(409)
		fmt.Fprint(out, "99999999999999999999999999\n")
	case "409-type":
		out.WriteHeader(409)
		fmt.Fprint(out, "5\n")
	case "not-http":
		connection, _, err := out.(http.Hijacker).Hijack()
		if err == nil {
			fmt.Fprint(connection, "SSH-2.0-witness\r\n\r\n")
			connection.Close()
		}
	default:
		return false
	}
	return true
}

func (w *witness) sign(text, fault string) string {
	now, id := uint64(time.Now().Unix()), keyID(w.name, w.key.Public().(ed25519.PublicKey))
	switch fault {
	case "wrong-key": // another's signature under our key id
		return cosign(w.name, w.wrongKey, id, text, now)
	case "unknown-key":
		return cosign(w.name, w.wrongKey, keyID(w.name, w.wrongKey.Public().(ed25519.PublicKey)), text, now)
	case "wrong-text":
		return cosign(w.name, w.key, id, text+"x\n", now)
	case "zero-time":
		return cosign(w.name, w.key, id, text, 0)
	case "future":
		return cosign(w.name, w.key, id, text, now+1000000)
	case "no-time": // an ordinary signature where a timestamped one belongs
		blob := append(append([]byte(nil), id...), ed25519.Sign(w.key, []byte(text))...)
		return "\u2014 " + w.name + " " + base64.StdEncoding.EncodeToString(blob) + "\n"
	case "others-too": // lines by keys that nobody asked about must be ignored
		return cosign("other.example/w", w.wrongKey, keyID("other.example/w", w.wrongKey.Public().(ed25519.PublicKey)), text, now) +
			cosign(w.name, w.key, id, text, now)
	}
	return cosign(w.name, w.key, id, text, now)
}

func (w *witness) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(io.LimitReader(in.Body, 1<<20))
	fault := w.readFault()
	if err != nil || misbehave(out, in, fault) {
		return
	}
	if in.Method != "POST" || in.URL.Path != "/sub/add-checkpoint" {
		http.Error(out, "no such thing", 404)
		return
	}
	w.mutex.Lock()
	text, last, bad := w.add(string(body))
	w.mutex.Unlock()
	switch {
	case bad == nil:
		fmt.Fprint(out, w.sign(text, fault))
	case bad.status == 409:
		out.Header().Set("Content-Type", "text/x.tlog.size")
		out.WriteHeader(409)
		fmt.Fprintf(out, "%d\n", last.Size)
	default:
		http.Error(out, bad.text, bad.status)
	}
}

func loadKey(path string) ed25519.PrivateKey {
	seed, err := os.ReadFile(path)
	if err == nil && len(seed) == ed25519.SeedSize {
		return ed25519.NewKeyFromSeed(seed)
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(path, key.Seed(), 0o600); err != nil {
		log.Fatal(err)
	}
	return key
}

func main() {
	address := flag.String("listen", "127.0.0.1:0", "")
	state := flag.String("state", "", "")
	name := flag.String("name", "", "")
	logs := flag.String("logs", "", "")
	fault := flag.String("fault", "", "")
	flag.Parse()
	w := &witness{name: *name, state: *state, logs: *logs, fault: *fault}
	w.key, w.wrongKey = loadKey(filepath.Join(*state, "key")), loadKey(filepath.Join(*state, "wrong-key"))
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	json.NewEncoder(os.Stdout).Encode(map[string]string{"url": "http://" + listener.Addr().String() + "/sub", "vkey": vkey(*name, w.key)})
	log.Fatal(http.Serve(listener, w))
}
