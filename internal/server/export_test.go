package server

import "context"

// CheckDatabase does what the server does each minute.
func (s *Server) CheckDatabase(ctx context.Context) error { return s.checkDatabase(ctx) }
