-- A row a day of the period.
SELECT
    day,
    count(*) AS flights,
    sum(dep_time IS NULL) AS cancelled,
    avg(dep_delay) AS delay,
    avg(dep_delay >= 15) AS late
FROM flights
WHERE day BETWEEN :period_first AND :period_last
GROUP BY day
ORDER BY day
