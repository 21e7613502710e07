package library_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/minio/sio"

	"github.com/carrelhq/carrel/internal/seal"
)

// attacker has a copy of everything that a server keeps: the database, the blobs and
// the master keyring. They use tools of their own, and know docs/file-format.md.
type attacker struct {
	t      testing.TB
	folder string

	values  []value           // each column of each row
	seals   []lockedThing     // whatever is sealed to a public key
	keys    []lockedThing     // of libraries, sealed to a secret
	files   map[string]sealed // by file id
	epochs  []lockedThing     // what file keys derive from, by its own id
	boxes   map[string][]byte // of passwords and codes, by library
	keyring []byte            // the keyring's text
}

// value is a thing that might be a key, or a text that leads to one.
type value struct {
	column string
	bytes  []byte
}

type lockedThing struct {
	from    string
	purpose string
	bytes   []byte
}

type sealed struct {
	format   int
	metadata [32]byte // the hash of what is stored in the clear about it
	bytes    []byte
	key      []byte // contents.sealed_key
}

// steal copies the folder and reads all of the copy.
func steal(t testing.TB, folder, keyring string) *attacker {
	t.Helper()
	a := &attacker{t: t, folder: t.TempDir(), files: map[string]sealed{}, boxes: map[string][]byte{}}
	if err := os.CopyFS(a.folder, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	a.keyring = must(os.ReadFile(keyring))(t)
	if err := os.WriteFile(filepath.Join(a.folder, "keyring"), a.keyring, 0o600); err != nil {
		t.Fatal(err)
	}
	a.readDatabase()
	for id, f := range a.files {
		if f.format == 4 {
			paths := must(filepath.Glob(filepath.Join(a.folder, "blobs", "*", id)))(t)
			if len(paths) != 1 {
				t.Fatalf("blobs of file %s: %v", id, paths)
			}
			a.files[id] = sealed{4, f.metadata, must(os.ReadFile(paths[0]))(t), nil}
		}
	}
	return a
}

func (a *attacker) readDatabase() {
	a.t.Helper()
	db := must(sql.Open("sqlite", filepath.Join(a.folder, "carrel.db")))(a.t)
	defer func() { _ = db.Close() }()
	metadata := map[string][32]byte{}
	for _, row := range a.query(db, `SELECT * FROM files`) {
		metadata[string(row["id"])] = hashOfMetadata(row)
	}
	tables := a.query(db, `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
	for _, table := range tables {
		name := string(table["name"])
		for _, row := range a.query(db, `SELECT * FROM "`+name+`"`) {
			for column, v := range row {
				a.values = append(a.values, value{name + "." + column, v})
				switch {
				case column == "seal" && len(v) == 80:
					a.keys = append(a.keys, lockedThing{name + "." + column, "carrel library key", v})
				case len(v) < 1120:
				case name == "contents" && column == "sealed_key":
					a.seals = append(a.seals,
						lockedThing{name + "." + column, fmt.Sprintf("carrel bound file key %s %x", row["file_id"],
							metadata[string(row["file_id"])]), v})
				case column == "seal":
					a.seals = append(a.seals, lockedThing{name + "." + column, "carrel library key", v})
				case column == "pending_code":
					a.seals = append(a.seals, lockedThing{name + "." + column, "carrel pending recovery code", v})
				}
			}
			switch name {
			case "contents":
				a.files[string(row["file_id"])] = sealed{
					int(row["format"][0] - '0'), metadata[string(row["file_id"])], row["data"], row["sealed_key"],
				}
			case "epochs":
				a.epochs = append(a.epochs, lockedThing{string(row["id"]),
					fmt.Sprintf("carrel epoch %x %s", row["id"], row["library_id"]), row["encapsulation"]})
			case "locks":
				a.boxes[string(row["library_id"])+" "+string(row["kind"])] = row["box"]
			}
		}
	}
}

// hashOfMetadata hashes a row of the files.
func hashOfMetadata(row map[string][]byte) [32]byte {
	var text []byte
	part := func(b []byte) { text = append(binary.BigEndian.AppendUint32(text, uint32(len(b))), b...) }
	number := func(b []byte) {
		n, err := strconv.ParseUint(string(b), 10, 64)
		if err != nil {
			panic(err)
		}
		text = binary.BigEndian.AppendUint64(text, n)
	}
	part([]byte("carrel metadata 1"))
	part(row["library_id"])
	part(row["id"])
	part(row["application_id"])
	part(row["contract_id"])
	number(row["created_at"])
	number(row["size"])
	part(row["metadata"])
	return sha256.Sum256(text)
}

// query reads all rows as bytes, whatever they are.
func (a *attacker) query(db *sql.DB, query string) (all []map[string][]byte) {
	a.t.Helper()
	rows, err := db.QueryContext(a.t.Context(), query)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns := must(rows.Columns())(a.t)
	for rows.Next() {
		cells := make([]sql.RawBytes, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			a.t.Fatal(err)
		}
		row := map[string][]byte{}
		for i, c := range columns {
			row[c] = bytes.Clone(cells[i])
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		a.t.Fatal(err)
	}
	return all
}

// The suite of docs/file-format.md.
var (
	kem = must(hpke.NewKEM(0x647a))
	kdf = must(hpke.NewKDF(0x0001))
	gcm = must(hpke.NewAEAD(0x0002))
)

// seeds makes of a value every 32 bytes that could be a private key or a file's key.
func seeds(v []byte) (all [][32]byte) {
	add := func(b []byte) {
		if len(b) == 32 {
			all = append(all, [32]byte(b))
		}
	}
	add(v)
	if len(v) > 32 {
		add(v[:32])
		add(v[len(v)-32:])
	}
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.RawURLEncoding.DecodeString, base64.StdEncoding.DecodeString,
	} {
		if b, err := decode(string(v)); err == nil {
			add(b)
		}
	}
	return append(all, sha256.Sum256(v))
}

// materials makes of a value everything from which a key pair might be derived.
func materials(v []byte) (all [][32]byte) {
	if len(v) == 32 {
		all = append(all, [32]byte(v))
	}
	for _, text := range texts(v) {
		all = append(all, sha256.Sum256([]byte("carrel key pair\x00"+text)))
	}
	return all
}

// texts makes of a value every text that could be the secret itself.
func texts(v []byte) []string {
	if len(v) != 32 {
		return []string{string(v)}
	}
	return []string{string(v), hex.EncodeToString(v), base64.RawURLEncoding.EncodeToString(v)}
}

// try puts each value to every use that a key could have, and the keys that it opens
// again, until nothing new comes. Short values are passed over. It returns the contents of the files that it opened,
// by their ids, and everything else that came out.
func (a *attacker) try(values []value) (contents map[string][]byte, loot []value) {
	contents = map[string][]byte{}
	tried := map[[32]byte]bool{}
	fresh := func(b [32]byte) bool { // not tried before, in the same way
		seen := tried[b]
		tried[b] = true
		return !seen
	}
	for queue := values; len(queue) > 0; {
		v := queue[0]
		queue = queue[1:]
		if len(v.bytes) < 8 {
			continue // times, numbers, kinds
		}
		found := func(what string, b []byte) {
			loot = append(loot, value{what + " by " + v.column, b})
			queue = append(queue, value{what + " by " + v.column, b})
		}
		for _, seed := range seeds(v.bytes) {
			if fresh(seed) {
				maps.Copy(contents, a.openFiles(seed[:]))
				a.foundEpoch("", seed[:], found)
				a.openSeals(must(kem(a.t).NewPrivateKey(seed[:]))(a.t), found)
			}
		}
		for _, material := range materials(v.bytes) {
			if mark := sha256.Sum256(material[:]); fresh(mark) {
				a.openSeals(must(kem(a.t).DeriveKeyPair(material[:]))(a.t), found)
			}
		}
		for _, text := range texts(v.bytes) {
			if mark := sha256.Sum256([]byte("as a secret " + text)); fresh(mark) {
				a.openKeys(text, found)
			}
		}
	}
	return contents, loot
}

func (a *attacker) openSeals(key hpke.PrivateKey, found func(string, []byte)) {
	for _, e := range a.epochs {
		if r, err := hpke.NewRecipient(e.bytes, key, kdf(a.t), gcm(a.t), []byte(e.purpose)); err == nil {
			a.foundEpoch(e.from, must(r.Export("carrel epoch secret", 32))(a.t), found)
		}
	}
	for _, s := range a.seals {
		if b, err := hpke.Open(key, kdf(a.t), gcm(a.t), []byte(s.purpose), s.bytes); err == nil {
			found(s.from, b)
		}
	}
}

// openKeys tries a text as the secret of sealed keys.
func (a *attacker) openKeys(text string, found func(string, []byte)) {
	for _, k := range a.keys {
		key := must(hkdf.Key(sha256.New, []byte(text), k.bytes[:32], k.purpose, 32))(a.t)
		aead := must(cipher.NewGCM(must(aes.NewCipher(key))(a.t)))(a.t)
		if b, err := aead.Open(nil, make([]byte, 12), k.bytes[32:], nil); err == nil {
			found(k.from, b)
		}
	}
}

// foundEpoch derives the keys of the files of an epoch from what may be its secret, and finds those that open one. An
// encapsulation opens with any key, and yields a secret that is worth nothing.
func (a *attacker) foundEpoch(id string, secret []byte, found func(string, []byte)) {
	for file, f := range a.files {
		if f.format != 5 || string(f.key[:16]) != id && id != "" {
			continue
		}
		info := fmt.Sprintf("carrel bound file key %s %x", file, f.metadata)
		key := must(hkdf.Key(sha256.New, secret, f.key[16:], info, 32))(a.t)
		if len(a.openFiles(key)) > 0 {
			found("epochs.encapsulation", key)
		}
	}
}

// openFiles tries a key on all contents.
func (a *attacker) openFiles(key []byte) map[string][]byte {
	opened := map[string][]byte{}
	block := must(aes.NewCipher(key))(a.t)
	aead := must(cipher.NewGCM(block))(a.t)
	for id, f := range a.files {
		if f.format == 3 || f.format == 5 {
			if b, err := aead.Open(nil, make([]byte, 12), f.bytes, f.metadata[:]); err == nil {
				opened[id] = b
			}
			continue
		}
		var out bytes.Buffer
		if _, err := sio.Decrypt(&out, bytes.NewReader(f.bytes), sio.Config{Key: key}); err == nil && out.Len() > 0 {
			opened[id] = out.Bytes()
		}
	}
	return opened
}

// tryPasswords tries words on the boxes of passwords and codes.
func (a *attacker) tryPasswords(words []string) (keys []value) {
	for whose, box := range a.boxes {
		for _, word := range words {
			key, err := seal.PasswordBox(box).Open(context.Background(), word)
			if err != nil {
				continue
			}
			// The tool of ours that opens a box keeps what is inside to itself: hand it on to
			// a secret of the attacker's own.
			own := seal.SecretOf("the attacker's")
			handed := must(key.SealTo(must(own.PublicKey())(a.t)))(a.t)
			keys = append(keys, value{"box of " + whose, []byte(must(own.OpenText("carrel library key", handed))(a.t))})
		}
	}
	return keys
}

// tryKeyring opens whatever the master keyring opens.
func (a *attacker) tryKeyring(purposes []string) (opened []value) {
	ring := must(seal.ParseKeyring(a.keyring))(a.t)
	for _, v := range a.values {
		for _, purpose := range purposes {
			if b, err := ring.Open(purpose, v.bytes); err == nil {
				opened = append(opened, value{v.column, b})
			}
		}
	}
	return opened
}

// masterKeys are the keys of the keyring themselves.
func (a *attacker) masterKeys() (keys []value) {
	for line := range strings.Lines(string(a.keyring)) {
		keys = append(keys, value{"keyring", []byte(strings.TrimSpace(line))})
	}
	return keys
}

// scan looks for a text in every byte of every file, in each way that it might be
// written. It returns where it was found.
func (a *attacker) scan(text string) (where []string) {
	a.t.Helper()
	needles := writings(text)
	err := filepath.WalkDir(a.folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for how, needle := range needles {
			if bytes.Contains(b, needle) {
				where = append(where, filepath.Base(path)+" as "+how)
			}
		}
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return where
}

// writings are the ways in which a text might lie somewhere.
func writings(text string) map[string][]byte {
	all := map[string][]byte{
		"it is": []byte(text), "hexadecimal": []byte(hex.EncodeToString([]byte(text))),
		"capital hexadecimal": []byte(strings.ToUpper(hex.EncodeToString([]byte(text)))),
	}
	for i := range 3 { // base64 depends on what stands before
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, i), text...))
		inner := encoded[(i*8+5)/6 : len(encoded)-4]
		all[fmt.Sprintf("base64, at %d", i)] = []byte(inner)
		all[fmt.Sprintf("base64url, at %d", i)] = []byte(strings.NewReplacer("+", "-", "/", "_").Replace(inner))
	}
	var little, big []byte
	for _, u := range utf16.Encode([]rune(text)) {
		little, big = binary.LittleEndian.AppendUint16(little, u), binary.BigEndian.AppendUint16(big, u)
	}
	all["UTF-16, little-endian"], all["UTF-16, big-endian"] = little, big
	return all
}
