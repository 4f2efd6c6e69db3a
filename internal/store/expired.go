package store

import (
	"context"
	"database/sql"
	"time"

	"berth/internal/store/sqlc"
)

// linkMemory is how long an expired sign-in link is remembered, so that its user reads that it has expired.
const linkMemory = 30 * 24 * time.Hour

// jobMemory is how long a job with its steps and log is kept after its end; its events stay.
const jobMemory = 90 * 24 * time.Hour

// DeleteExpired removes sessions that have expired, sign-in links that did so a month ago, and old jobs. It gives the number of
// rows removed. The server calls it now and then; everything works without, only the tables grow.
func (s *Store) DeleteExpired(ctx context.Context) (int64, error) {
	var sessions, links, jobs int64
	err := s.change(ctx, "delete expired sessions and links", func(q *sqlc.Queries) (err error) {
		if sessions, err = q.DeleteSessions(ctx, millis(s.now())); err != nil {
			return err
		}
		if links, err = q.DeleteSignInLinks(ctx, millis(s.now().Add(-linkMemory))); err != nil {
			return err
		}
		jobs, err = q.DeleteJobs(ctx, sql.NullInt64{Int64: millis(s.now().Add(-jobMemory)), Valid: true})
		return err
	})
	if err != nil {
		return 0, err
	}
	return sessions + links + jobs, nil
}
