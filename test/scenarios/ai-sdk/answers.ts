import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [
  chat(
    {
      calls: [
        ['call_1', 'get_weather', { city: 'Oslo' }],
        ['call_2', 'read_mail', { folder: 'inbox' }],
      ],
    },
    [40, 21],
  ),
  chat({ calls: [['call_3', 'book_table', { place: 'outside' }]] }, [82, 12]),
  chat({ text: 'Table 12 is yours.' }, [105, 8]),
]
