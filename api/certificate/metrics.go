// SPDX-License-Identifier: Apache-2.0

package certificate

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what /metrics shows of a certificate.
func (c *Certificate) Metrics() []prometheus.Collector {
	gauge := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lendlog_tls_" + name, Help: help}, read)
	}
	return []prometheus.Collector{
		gauge("certificate_expires_timestamp_seconds", "When the certificate that the server shows expires.", func() float64 {
			return float64(c.Leaf().NotAfter.Unix())
		}),
		gauge("client_roots_expire_timestamp_seconds", "When the first of the roots of clients' certificates expires; 0 without any.", func() float64 {
			if roots := c.Status().Roots; !roots.IsZero() {
				return float64(roots.Unix())
			}
			return 0
		}),
		gauge("certificate_refused", "1 while the files hold a certificate that can't be used, and the one before is used on.", func() float64 {
			if c.Refused() != nil {
				return 1
			}
			return 0
		}),
	}
}
