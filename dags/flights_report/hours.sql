-- A row an hour of departure and airport.
SELECT
    sched_dep_time / 100 AS hour,
    origin,
    avg(dep_delay) AS delay
FROM flights
WHERE day BETWEEN :period_first AND :period_last AND sched_dep_time >= 500
GROUP BY 1, 2
ORDER BY 1, 2
