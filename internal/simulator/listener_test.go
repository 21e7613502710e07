package simulator

import "testing"

func TestLoopbackOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{{FrontAddr: "0.0.0.0:0"}, {BackAddr: "192.0.2.1:0"}, {ListAddr: ":0"},
		{FrontAddr: "nonsense"}} {
		if s, err := Start(t.Context(), c); err == nil {
			t.Errorf("%+v: started", c)
			_ = s.Close()
		}
	}
}
