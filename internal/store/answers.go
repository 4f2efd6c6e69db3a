package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"time"

	"berth/internal/store/sqlc"
)

// SaveAnswer keeps body, the cluster's answer of the given time, as the one to show after a restart. An older answer than
// the kept one is dropped silently, because another replica may be ahead. Returns NotFound if there is no such cluster.
func (s *Store) SaveAnswer(ctx context.Context, clusterID string, at time.Time, body []byte) error {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := z.Write(body); err != nil {
		return fmt.Errorf("pack the answer of cluster %s: %w", clusterID, err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("pack the answer of cluster %s: %w", clusterID, err)
	}
	return s.change(ctx, "save the answer of cluster "+clusterID, func(q *sqlc.Queries) error {
		if _, err := q.ClusterName(ctx, clusterID); err != nil {
			return missing(err, "This cluster is no longer connected.")
		}
		return q.SaveAnswer(ctx, sqlc.SaveAnswerParams{ClusterID: clusterID, AnsweredAt: millis(at), Body: packed.Bytes()})
	})
}

// LastAnswer gives what SaveAnswer kept, and of when it is. Returns NotFound if there is nothing.
func (s *Store) LastAnswer(ctx context.Context, clusterID string) (body []byte, at time.Time, err error) {
	row, err := s.look().LastAnswer(ctx, clusterID)
	if err != nil {
		return nil, time.Time{}, explain("read the last answer of cluster "+clusterID, missing(err, "This cluster has not answered yet."))
	}
	z, err := gzip.NewReader(bytes.NewReader(row.Body))
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("unpack the last answer of cluster %s: %w", clusterID, err)
	}
	body, err = io.ReadAll(z)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("unpack the last answer of cluster %s: %w", clusterID, err)
	}
	return body, fromMillis(row.AnsweredAt), nil
}
