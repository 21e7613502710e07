package server

import "context"

// CheckDatabase does what the server does each minute.
func (s *Server) CheckDatabase(ctx context.Context) error { return s.checkDatabase(ctx) }

// LeaveOutChanged is leaveOutChanged.
func (c BackupConfig) LeaveOutChanged(ctx context.Context, missing []string) ([]string, int, error) {
	return c.leaveOutChanged(ctx, missing)
}
