package simulator

import (
	"testing"
	"time"
)

func TestSetByName(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	for _, good := range [][2]string{{"resource", "429"}, {"huisartslinde.authorize", "approve"},
		{"resourceTimes", "3"}, {"refreshTokens", "true"},
		{"late", "5s"}, {"endpoints", "expired"}, {"huisartslinde.endpoints", "right"}, {"token", "right"},
		{"huisartslinde.authorize", "ask"}} {
		if err := n.s.SetByName(good[0], good[1]); err != nil {
			t.Error(err)
		}
	}
	if b := n.s.Behaviour("balanspunt"); b.Resource != ResourceBusy || b.ResourceTimes != 3 || !b.RefreshTokens ||
		b.Late != 5*time.Second || b.BadEndpoint != EndpointExpired {
		t.Errorf("%+v", b)
	}
	if b := n.s.Behaviour("huisartslinde"); b.BadEndpoint != "" || b.Authorize != AuthorizeAsk {
		t.Errorf("%+v", b)
	}
	for _, bad := range [][2]string{{"resource", "nonsense"}, {"nobody.resource", "429"}, {"nothing", "1"},
		{"late", "soon"}, {"resourceTimes", "x"}, {"endpoints", "moon"}} {
		if err := n.s.SetByName(bad[0], bad[1]); err == nil {
			t.Errorf("set %s to %s", bad[0], bad[1])
		}
	}
	n.assertNoViolations()
	n.s.SetBehaviour("nobody", Behaviour{})
	n.assertViolation("simulator")
}
