package server_test

import (
	"cmp"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// Values that are no number, which SQLite stores in any column, and numbers that are no time.
var (
	noNumbers = []any{"x", []byte{0}, 5.5}
	noTimes   = []any{int64(math.MaxInt64), int64(math.MinInt64), int64(-62135596800000), int64(253402300800000)}
)

// A spoiledTable is a table with something in its columns that this server never stores there.
type spoiledTable struct {
	name    string
	columns []string
	values  []any
}

// spoils sets the columns in every row. A Seq is a part of the key: only the first line gets it.
func (s spoiledTable) spoils(k *keeper, victim string) {
	k.t.Helper()
	for i, column := range s.columns {
		query, args := `UPDATE `+s.name+` SET `+column+` = $1`, []any{s.values[i]}
		if column == "seq" {
			query += ` WHERE library_id = $2 AND seq = (SELECT MIN(seq) FROM ` + s.name + ` WHERE library_id = $2)`
			args = append(args, victim)
		}
		carreltest.Must(k.db.ExecContext(k.t.Context(), query, args...))(k.t)
	}
}

// spoiledTables lists the tables that requests read, with the values for every column that the database takes. The
// last ones have a text that is no JSON.
func (k *keeper) spoiledTables(sqlite bool) (list []spoiledTable) {
	k.t.Helper()
	query := `SELECT table_name, column_name, data_type FROM information_schema.columns
		WHERE table_schema = ANY (current_schemas(false)) AND data_type IN ('bigint', 'boolean')`
	if sqlite {
		query = `SELECT t.name, c.name, lower(c.type) FROM sqlite_schema t JOIN pragma_table_info(t.name) c
			WHERE t.type = 'table' AND c.type IN ('BIGINT', 'BOOLEAN')`
	}
	rows := carreltest.Must(k.db.QueryContext(k.t.Context(), query+` ORDER BY 1, 2`))(k.t)
	defer rows.Close()
	byKind := map[string]*spoiledTable{}
	add := func(kind, table, column string, value any) {
		t := byKind[table+kind]
		if t == nil {
			t = &spoiledTable{name: table}
			byKind[table+kind] = t
		}
		t.columns, t.values = append(t.columns, column), append(t.values, value)
	}
	for n := 0; rows.Next(); n++ {
		var table, column, kind string
		if err := rows.Scan(&table, &column, &kind); err != nil {
			k.t.Fatal(err)
		}
		switch table { // what only a start reads
		case "goose_db_version", "schema_compatibility", "installation", "adoptions", "signing_keys":
			continue
		}
		if kind == "bigint" {
			add("time", table, column, noTimes[n%len(noTimes)])
		}
		if sqlite {
			add("number", table, column, noNumbers[n%len(noNumbers)])
		}
		if sqlite && kind == "boolean" {
			add("time", table, column, 7)
		}
	}
	if err := rows.Err(); err != nil {
		k.t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(byKind)) {
		list = append(list, *byKind[key])
	}
	for _, c := range []struct{ table, column string }{
		{"contracts", "redirect_uris"}, {"contracts", "scope"}, {"provider_accounts", "source"},
		{"deliveries", "types"},
		{"events", "details"}, {"files", "metadata"}, {"sessions", "options"},
	} {
		list = append(list, spoiledTable{c.table, []string{c.column}, []any{"no JSON"}})
	}
	return list
}

// notJSON is how many of the spoiled tables are of a column with JSON.
const notJSON = 7

// TestAttackSpoiledColumns: the keeper puts into each column something that this server never stores there: a text, a
// blob or a fraction instead of a number, which SQLite allows, a time after the last one, a text that is no JSON. The
// person signs in, sees every page, revokes, and closes the library nevertheless. The check names the rows.
func TestAttackSpoiledColumns(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		sqlite := !strings.HasSuffix(t.Name(), "PostgreSQL")
		tables := k.spoiledTables(sqlite)
		if len(tables) < 15+notJSON {
			t.Fatalf("only %d tables", len(tables))
		}
		for _, s := range tables {
			v := k.victim()
			s.spoils(k, string(v.Library))
			if faults := k.goesOn(v); len(faults) > 0 {
				t.Errorf("%s %q = %v:\n\t%s", s.name, s.columns, s.values, strings.Join(faults, "\n\t"))
			}
		}
		k.spoiledFound(tables, sqlite)
	})
}

// spoiledFound spoils everything once more, and looks into the check. A number that is no time is found among times.
func (k *keeper) spoiledFound(tables []spoiledTable, sqlite bool) {
	k.t.Helper()
	v := k.victim()
	last := map[string]any{}                    // the value that each column got last
	for _, s := range slices.Backward(tables) { // what is no number stays
		s.spoils(k, string(v.Library))
		for i, column := range s.columns {
			last[s.name+"."+column] = s.values[i]
		}
	}
	_, lines := k.checks(false)
	all := strings.Join(lines, "\n")
	for _, s := range tables[:len(tables)-notJSON] {
		for _, column := range s.columns {
			// The server itself may have removed the rows before the check, as those of long ago.
			if k.count(`SELECT COUNT(*) FROM `+s.name+` WHERE `+column+` = $1`, last[s.name+"."+column]) == 0 {
				continue
			}
			named := regexp.MustCompile(`(?m)table ` + s.name + `, row .*:.* ` + column + `( |$)`).MatchString(all)
			if !named && (sqlite || strings.HasSuffix(column, "_at") || strings.HasSuffix(column, "_until")) {
				k.t.Errorf("the check does not name %s.%s", s.name, column)
			}
		}
	}
}

// spoiledVictim is a person with a row in each table.
type spoiledVictim struct {
	*carreltest.Person
	read, write *carreltest.Grant
}

func (k *keeper) victim() *spoiledVictim {
	k.t.Helper()
	app := k.Application()
	v := &spoiledVictim{Person: k.Person()}
	v.read, v.write = v.Allows(app.Contract(library.Read)), v.Allows(app.Contract(library.Write))
	carreltest.Must(v.read.StartsSession(wire.SessionOptions{}))(k.t)
	carreltest.Must(v.write.Pushes("letter", []byte("of the person")))(k.t)
	_, kept := v.AllowsStorage(app.Contract(library.Write))
	carreltest.Must(v.write.Uploads(kept, carreltest.PathOf("state"), []byte("of the application")))(k.t)
	library, application, id := string(v.Library), string(app.ID), string(v.write.ID())
	k.changes(`INSERT INTO provider_accounts (id, reference, library_id, application_id, grant_id, source_id, source,
		pending, access_version, access_until, renewal_until, ended_at, correlation, created_at, updated_at,
		last_used_at) VALUES ($1, 'reference', $2, $3, $1, 1, '{"name":"A practice"}', FALSE, 1, 0, 0, 0, '', 1, 1, 1)`,
		id, library, application)
	k.changes(`INSERT INTO deliveries (id, library_id, application_id, contract_id, grant_id, account_id, provider_name,
		types, state, status, reason, attempts, lease, lease_until, next_at, expires_at, created_at, updated_at, size)
		VALUES ($1, $2, $3, $4, $1, $1, 'A practice', '["Observation"]', 'waiting', 0, '', 0, '', 0, 99999999999999,
		99999999999999, 1, 1, 1)`, id, library, application, string(v.write.Contract.Contract.ID))
	k.changes(`INSERT INTO delivery_contents (delivery_id, answered_at) VALUES ($1, 0)`, id)
	return v
}

// goesOn does what the person must always be able to do, and returns what does not work.
func (k *keeper) goesOn(v *spoiledVictim) (faults []string) {
	k.t.Helper()
	try := func(what string, err error) {
		if err != nil {
			faults = append(faults, what+": "+err.Error())
		}
	}
	before := k.browserOf(v.Person)
	status, _ := before.do(before.request(http.MethodGet, "/grants", nil))
	if status >= http.StatusInternalServerError {
		faults = append(faults, "the login of before answers with an error")
	}
	cookie, err := k.People.SignIn(k.t.Context(), v.Email, v.Password, library.Device{})
	if try("sign in", err); err != nil {
		return faults
	}
	v.Cookie = cookie
	in, err := k.People.Login(k.t.Context(), v.Cookie)
	if try("log in", err); err != nil {
		return faults
	}
	if in.Library.Shut() {
		try("reopen", k.People.Reopen(k.t.Context(), in))
	}
	v.SavesCode()
	b := k.browserOf(v.Person)
	for _, path := range []string{"/files", "/grants", "/grants/" + string(v.read.ID()) + "/stop",
		"/grants/app/" + string(v.read.Contract.Application.ID) + "/stop",
		"/grants/app/" + string(v.read.Contract.Application.ID) + "/storage", "/accounts",
		"/accounts/" + string(v.write.ID()) + "/disconnect", "/activity", "/settings", "/delete"} {
		if status, _ := b.do(b.request(http.MethodGet, path, nil)); status >= http.StatusBadRequest {
			faults = append(faults, path+" answers "+http.StatusText(status))
		}
	}
	try("stop", b.posts("/grants/"+string(v.read.ID())+"/stop", "/settings"))
	try("stop all", b.posts("/grants/app/"+string(v.read.Contract.Application.ID)+"/stop", "/settings"))
	try("delete storage", b.posts("/grants/app/"+string(v.read.Contract.Application.ID)+"/storage", "/settings"))
	if n := k.count(`SELECT COUNT(*) FROM storages WHERE library_id = $1`, string(v.Library)); n > 0 {
		faults = append(faults, "a storage stands")
	}
	for _, g := range []*carreltest.Grant{v.read, v.write} {
		k.changes(`UPDATE grants SET revoked_at = 0 WHERE id = $1`, string(g.ID()))
		if n := k.count(`SELECT COUNT(*) FROM grants WHERE id = $1 AND length(binding) > 1`, string(g.ID())); n > 0 {
			faults = append(faults, "a grant stands")
		}
	}
	if n := k.count(`SELECT COUNT(*) FROM provider_accounts WHERE library_id = $1`, string(v.Library)); n > 0 {
		faults = append(faults, "an account stands")
	}
	_, err = k.People.Shut(k.t.Context(), in, v.Password)
	try("shut", err)
	slices.SortFunc(faults, cmp.Compare[string])
	return faults
}
