package bench_test

import (
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
